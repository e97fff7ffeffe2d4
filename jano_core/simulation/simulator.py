"""Plays a trace to the real scheduler and notes what became of every request."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping

from msgspec import UNSET, Struct, field

from ..errors import TraceError
from ..scheduler import commands, events
from ..scheduler.policy import Policy
from ..scheduler.residency import Budget
from ..scheduler.scheduler import Scheduler
from ..scheduler.strategy import Strategy
from ..scheduler.types import Model, Priority, Request
from ..strategies.greedy import Greedy
from .box import Box
from .trace import GIB, Call, CallId, Header, Trace, TraceModel


class Fate(Struct):
    """What became of one request. Times in virtual seconds; `started` None: it was lost."""

    call: Call
    arrived: float
    started: float | None = None
    ended: float | None = None


class Run(Struct, kw_only=True):
    """Everything that one simulation showed.

    `loads` are `(when, model)`; `states` every change of a model's state as `(when, model,
    state)`, `depth` of the number of waiting requests as `(when, how many)`.
    """

    trace: Trace
    strategy: str
    fates: list[Fate] = field(default_factory=list)
    loads: list[tuple[float, str]] = field(default_factory=list)
    swap_s: float = 0.0
    invalid_plans: list[str] = field(default_factory=list)
    states: list[tuple[float, str, str]] = field(default_factory=list)
    depth: list[tuple[float, int]] = field(default_factory=list)


def simulate(trace: Trace, strategy: Strategy, label: str = "") -> Run:
    """Run a trace to its end; the same input gives the same output.

    `label` is the strategy's name in reports. Raises `TraceError` if a model can never be loaded.
    """
    return Simulator(trace, strategy, label or strategy.name).run()


class Simulator:
    """Events go in as the clock reaches them, and every command is carried out by the box."""

    def __init__(self, trace: Trace, strategy: Strategy, label: str) -> None:
        header = trace.header
        models = [_model(model) for model in header.models]
        _refuse_impossible(header, models)
        self._box = Box(header)
        self._scheduler = Scheduler(models, _policy(header, strategy))
        self._run = Run(trace=trace, strategy=label)
        self._fates: dict[str, Fate] = {}
        self._followers: dict[CallId, list[Call]] = {}
        self._agenda: list[tuple[float, bool, int, events.AnyEvent | Call]] = []
        self._numbers = itertools.count()
        self._loading: dict[str, tuple[float, float]] = {}
        for call in trace.calls:
            if call.follows is None:
                self._plan(call.t or 0.0, call)
            else:
                self._followers.setdefault(call.follows, []).append(call)

    def run(self) -> Run:
        """To the end of the last request."""
        while (end := self._box.next_end()) is not None or self._agenda or self._waits():
            event = self._agenda[0][0] if self._agenda else math.inf
            tick = self._scheduler.next_deadline()
            soonest = min(event, math.inf if end is None else end)
            if tick is not None and tick < soonest:
                self._handle(events.Tick(at=tick))
            elif end is not None and end <= event:
                self._ended(self._box.end(end), end)
            elif self._agenda:
                self._take(*heapq.heappop(self._agenda)[::3])
            else:
                break  # unreachable unless the scheduler forgets somebody: those count as lost
        self._run.fates = list(self._fates.values())
        return self._run

    def _waits(self) -> bool:
        return len(self._scheduler.queue) > 0

    def _plan(self, at: float, what: events.AnyEvent | Call) -> None:
        """Put it on the agenda; what the box does goes before what clients do then."""
        heapq.heappush(self._agenda, (at, isinstance(what, Call), next(self._numbers), what))

    def _take(self, at: float, what: events.AnyEvent | Call) -> None:
        match what:
            case Call():
                self._arrive(what, at)
            case events.Left() if self._scheduler.queue.get(what.request):
                self._handle(what)
                self._release(self._fates[what.request], at)
            case events.Loaded() if at == self._loading.get(what.model, (0.0, 0.0))[1]:
                began, _ = self._loading.pop(what.model)
                self._run.swap_s += at - began
                self._handle(what)
            case events.Unloaded():
                self._handle(what)

    def _arrive(self, call: Call, at: float) -> None:
        request = Request(
            id=str(call.id),
            models=(call.model,),
            arrived=at,
            priority=Priority(call.tier),
            client=call.client,
            session="" if call.session is UNSET else call.session,
            length=None if call.tokens is UNSET else call.tokens,
        )
        self._fates[request.id] = Fate(call, at)
        self._handle(events.Arrived(at=at, request=request))
        if call.patience is not None:
            self._plan(at + call.patience, events.Left(at=at + call.patience, request=request.id))

    def _ended(self, call: CallId, at: float) -> None:
        self._handle(events.Finished(at=at, request=str(call), outcome="served"))
        self._release(self._fates[str(call)], at)

    def _release(self, fate: Fate, at: float) -> None:
        """It is over, served or not: who waited for that may think and come."""
        fate.ended = at
        for call in self._followers.get(fate.call.id, ()):
            think = call.think if call.think is not UNSET else None
            self._plan(at + (think or 0.0), call)

    def _handle(self, event: events.AnyEvent) -> None:
        now, run = event.at, self._run
        for command in self._scheduler.handle(event):
            match command:
                case commands.Grant():
                    fate = self._fates[command.request]
                    fate.started = now
                    self._box.start(fate.call.id, command.model, fate.call.s, now)
                case commands.Load():
                    self._load(command.model, now)
                case commands.Unload():
                    self._unload(command.model, now)
                case commands.Refuse():
                    self._release(self._fates[command.request], now)
                case commands.Note(kind="strategy_fell_back"):
                    run.invalid_plans.append(command.text)
                case commands.Note(kind="state"):
                    run.states.append((now, command.model, command.state))
        depth = len(self._scheduler.queue)
        if not run.depth or run.depth[-1][1] != depth:
            run.depth.append((now, depth))

    def _load(self, model: str, now: float) -> None:
        ready = now + self._box.load_seconds(model)
        self._run.loads.append((now, model))
        self._loading[model] = now, ready
        self._plan(ready, events.Loaded(at=ready, model=model))

    def _unload(self, model: str, now: float) -> None:
        if model in self._loading:
            began, _ = self._loading.pop(model)  # a load given up
            self._run.swap_s += now - began
        gone = self._box.unloaded_at(model, now)
        self._run.swap_s += self._box.unload_seconds(model)
        self._plan(gone, events.Unloaded(at=gone, model=model))


class _SetsAndBudget(Budget):
    """Memory, and where the trace has `sets`, one of them besides."""

    sets: tuple[frozenset[str], ...] = ()

    def allowed(self, names: Iterable[str]) -> bool:
        together = frozenset(names)
        fits = not self.sets or any(together <= each for each in self.sets)
        return fits and super().allowed(together)


def _rule(header: Header, models: Mapping[str, Model]) -> _SetsAndBudget:
    rule = _SetsAndBudget(models, round(header.mem * GIB))
    rule.sets = tuple(frozenset(names) for names in header.sets or ())
    return rule


def _policy(header: Header, strategy: Strategy) -> Policy:
    return Policy(
        strategy=strategy,
        fallback=Greedy(),
        make_rule=lambda models: _rule(header, models),
        queue_limit=10**9,
    )


def _model(model: TraceModel) -> Model:
    prior = model.prior_load_s if model.prior_load_s is not UNSET else None
    return Model(
        name=model.name,
        parallel=model.slots,
        memory=round(model.mem * GIB),
        pinned=model.pinned,
        load_prior=model.load_s if prior is None else prior,
        unload_prior=model.unload_s,
    )


def _refuse_impossible(header: Header, models: list[Model]) -> None:
    rule = _rule(header, {model.name: model for model in models})
    for name, why in rule.problems():
        raise TraceError(f"trace {header.trace!r}: {name} can never be loaded: {why}")
