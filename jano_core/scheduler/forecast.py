"""When will whom be served? Estimates from measured times."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from .instance import Instance
from .scheduler import Scheduler
from .types import Request

ReadBy = Mapping[str, float]
"""Running request → when its prompt will have been read, by what its server says."""

UNTOLD: ReadBy = MappingProxyType({})

LATE = 0.1
"""What has taken as long as usual is taken to need this part of the time spent on it once more."""
UNSEEN = 0.5
"""The same of a load that was never seen, whose usual time is a guess."""


class Forecast(Struct, frozen=True):
    """`position` in the order in which requests are likely to start, from 1; `eta_s` seconds."""

    position: int
    eta_s: float


def forecast(scheduler: Scheduler, now: float, read_by: ReadBy = UNTOLD) -> dict[str, Forecast]:
    """An estimate for every waiting request.

    It assumes that what is loaded is served to the end and then the model with the oldest request
    is next, which is what the strategies that come with Jano do most of the time; each model's
    measured load and service times do the rest, and nobody who runs ends before its prompt is
    read. Nobody's estimate is a promise.
    """
    return _play(scheduler, now, read_by)[0]


def of_last(
    scheduler: Scheduler, request: Request, now: float, read_by: ReadBy = UNTOLD
) -> float | None:
    """Seconds that `forecast` says of a waiting request, at the price of a few steps; None where it
    is not the last in turn for a model that is ready, which takes all of them.
    """
    instance = scheduler.node.instances[request.model]
    if len(request.models) > 1 or not instance.serving or instance.leaving:
        return None
    if not scheduler.queue.is_last(request):
        return None
    service_s = scheduler.estimates.service_s(request.model)
    busy = _busy_for(scheduler, instance, service_s, now, read_by)
    if busy[-1] - busy[0] > service_s:
        return None
    rounds, slot = divmod(scheduler.queue.depth(request.model) - 1, len(busy))
    return busy[slot] + rounds * service_s


def _play(scheduler: Scheduler, now: float, read_by: ReadBy) -> tuple[dict[str, Forecast], float]:
    """The estimates, and after how many seconds everybody who is here now will be served."""
    order = sorted(
        scheduler.queue.by_model().items(),
        key=lambda item: (_rank(scheduler, item[0]), min(map(_urgency, item[1]))),
    )
    starts: dict[str, float] = {}
    clock = _drained(scheduler, now, read_by)
    for model, requests in order:
        instance = scheduler.node.instances[model]
        stats = scheduler.estimates.stats(instance.model, now)
        ready = _ready_in(scheduler, instance, clock, now)
        busy = _busy_for(scheduler, instance, stats.service_s, now, read_by)
        slots = [ready + rest for rest in busy]
        for request in sorted(requests, key=_urgency):
            slots.sort()
            start = slots[0]
            starts.setdefault(request.id, start)
            slots[0] = start + stats.service_s
        clock = max(clock, *slots)  # others may be served for longer beside it
    in_turn = enumerate(sorted(starts.items(), key=lambda item: item[1]), 1)
    return {request: Forecast(number, start) for number, (request, start) in in_turn}, clock


def expected_wait(scheduler: Scheduler, model: str, now: float, read_by: ReadBy = UNTOLD) -> float:
    """Seconds that a request for the model would wait if it came now."""
    known, everybody = _play(scheduler, now, read_by)
    instance = scheduler.node.instances[model]
    service_s = scheduler.estimates.service_s(model)
    mine = [known[request.id].eta_s for request in scheduler.queue.of(model)]
    if mine:
        return max(mine) + service_s / min(instance.slots, 64)
    ready = _ready_in(scheduler, instance, everybody, now)
    return ready + min(_busy_for(scheduler, instance, service_s, now, read_by))


def _urgency(request: Request) -> tuple[int, float]:
    return request.priority, request.arrived


def _rank(scheduler: Scheduler, model: str) -> int:
    instance = scheduler.node.instances[model]
    if instance.serving and not instance.leaving:
        return 0
    coming = any(swap.target == model for swap in scheduler.node.swaps)
    return 1 if coming or instance.state == "starting" else 2


def _ready_in(scheduler: Scheduler, instance: Instance, clock: float, now: float) -> float:
    """Seconds until the model is ready, if it is turned to at `clock`."""
    if instance.serving and not instance.leaving:
        return 0.0
    stats = scheduler.estimates.stats(instance.model, now)
    if instance.state == "starting":
        return _rest(stats.load_s, now - instance.load_began, LATE if stats.measured else UNSEEN)
    node = scheduler.node
    if instance.model.resident or node.rule.allowed({*node.occupied(), instance.name}):
        return stats.load_s  # there is room: it waits for nobody
    return clock + stats.unload_s + stats.load_s


def _drained(scheduler: Scheduler, now: float, read_by: ReadBy) -> float:
    """Seconds until everything that runs has ended."""
    rest = 0.0
    for each in scheduler.node.instances.values():
        if each.in_flight and not each.model.resident:
            service_s = scheduler.estimates.service_s(each.name)
            rest = max(rest, *_busy_for(scheduler, each, service_s, now, read_by))
    return rest


def _busy_for(
    scheduler: Scheduler, instance: Instance, service_s: float, now: float, read_by: ReadBy
) -> list[float]:
    """For each slot, seconds until it is free: a running request is expected to take the usual, and
    longer where its prompt alone does.
    """
    slots = min(instance.slots, 64)
    running = [
        max(
            _rest(service_s, now - scheduler.running[request].granted, LATE),
            read_by.get(request, now) - now,
        )
        for request in instance.in_flight
        if request in scheduler.running
    ]
    return sorted(running + [0.0] * max(0, slots - len(running)))[:slots] or [0.0]


def _rest(usual: float, spent: float, late: float) -> float:
    """Seconds that are left of something; what is overdue may yet take a while."""
    return max(usual - spent, late * spent)
