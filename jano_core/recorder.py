"""Real traffic as a trace: what was lately asked for, in the form that `jano simulate` replays."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import combinations

from msgspec import UNSET

from .scheduler.residency import Budget, ResidencyRule
from .scheduler.scheduler import Scheduler
from .scheduler.types import Model, Priority
from .simulation.trace import GIB, Call, Header, Trace, TraceModel, dump
from .telemetry.facts import Listener, RequestEnded

REQUESTS = 5000
"""How many of the last requests are in a trace."""
ENUMERATED = 10
"""Of up to so many models every combination is tried; of more, only pairs that may live together
are written down.
"""
LEAST_S = 0.001
TIER = {priority.label: int(priority) for priority in Priority}


class Recorder(Listener):
    """Listens to the ends of requests. Service times are those that this box showed; a request that
    was not served carries its model's usual one, and whose client left waited as long as it had
    patience.
    """

    def __init__(self, size: int = REQUESTS) -> None:
        self._ended: deque[RequestEnded] = deque(maxlen=size)
        self.hears = {RequestEnded: self._keep}

    def trace(self, scheduler: Scheduler, now: float) -> bytes:
        """The trace's lines: the models as they are configured and were measured, and the requests
        in order of arrival.
        """
        instances = scheduler.node.instances
        known = [each for each in self._ended if each.model in instances]
        swapped = [each.model for each in instances.values() if not each.model.resident]
        models = {model.name: _model(scheduler, model, now) for model in swapped}
        first = min((_arrived(each) for each in known), default=0.0)
        service = {model.name: scheduler.estimates.stats(model, now).service_s for model in swapped}
        calls = [
            _call(each, _arrived(each) - first, service[each.model])
            for each in sorted(known, key=_arrived)
            if each.model in models
        ]
        rule = scheduler.node.rule
        header = Header(
            trace="recorded",
            seed=1,
            mem=1.0 if rule.budget is None else rule.budget / GIB,
            models=tuple(models.values()),
            sets=None if isinstance(rule, Budget) else tuple(_sets(rule, list(models))),
            contention=0.0,  # what was measured has it in already
        )
        return dump(Trace(header, tuple(calls)))

    def _keep(self, fact: RequestEnded) -> None:
        if not fact.resident:  # such a model is never swapped
            self._ended.append(fact)


def _arrived(fact: RequestEnded) -> float:
    return fact.at - fact.total_ms / 1000


def _model(scheduler: Scheduler, model: Model, now: float) -> TraceModel:
    stats = scheduler.estimates.stats(model, now)
    footprint, budget = scheduler.estimates.footprint(model), scheduler.node.rule.budget
    unknown = budget if isinstance(scheduler.node.rule, Budget) else 0
    memory = footprint if footprint is not None else unknown
    return TraceModel(
        name=model.name,
        mem=1.0 if budget is None else min(memory or 0, budget) / GIB,
        load_s=round(stats.load_s, 3),
        unload_s=round(stats.unload_s, 3),
        slots=scheduler.node.instances[model.name].slots,
        pinned=scheduler.node.instances[model.name].pinned,
    )


def _call(fact: RequestEnded, at: float, usual_s: float) -> Call:
    waited_s = (fact.total_ms if fact.queue_ms is None else fact.queue_ms) / 1000
    served = fact.queue_ms is not None and fact.outcome == "served"
    tokens = fact.usage.generated_tokens if fact.usage else None
    return Call(
        id=fact.id,
        t=round(at, 3),
        model=fact.model,
        s=max(LEAST_S, round(fact.total_ms / 1000 - waited_s if served else usual_s, 3)),
        tier=TIER[fact.priority],
        patience=round(waited_s, 3) if fact.queue_ms is None and fact.outcome == "left" else None,
        client=fact.client,
        session=fact.session or UNSET,
        tokens=UNSET if tokens is None else tokens,
    )


def _sets(rule: ResidencyRule, names: list[str]) -> Iterable[tuple[str, ...]]:
    """The largest sets that the rule allows, the larger first; each model is in one at least."""
    found: list[frozenset[str]] = []
    sizes = range(len(names), 0, -1) if len(names) <= ENUMERATED else (2, 1)
    for size in sizes:
        for chosen in combinations(names, size):
            together = frozenset(chosen)
            if rule.allowed(together) and not any(together <= larger for larger in found):
                found.append(together)
                yield chosen
