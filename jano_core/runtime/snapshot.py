"""The whole house at one moment, for `/status`, `/api/queue`, `/running` and the terminal."""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec import Struct

from ..clock import Clock
from ..scheduler.forecast import Forecast
from ..scheduler.instance import Instance
from ..scheduler.scheduler import Scheduler
from ..scheduler.types import State


class ModelStatus(Struct, frozen=True, kw_only=True):
    """One model: `since` in unix seconds, `memory` in bytes, `ttl` in seconds."""

    state: str
    since: float
    in_flight: int
    queued: int
    slots: int
    memory: int | None
    last_error: str
    url: str
    ttl: float
    pinned: bool
    resident: bool
    ready_since: float | None


class WaitingRow(Struct, frozen=True, kw_only=True):
    """One waiting request; `position` counts from 1, `eta_ms` is an estimate."""

    id: str
    model: str
    priority: str
    client: str
    waited_ms: int
    position: int
    eta_ms: int | None


class RunningRow(Struct, frozen=True, kw_only=True):
    """One running request; `started_ms` ago it was granted."""

    id: str
    model: str
    node: str
    started_ms: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything that is true now; what was is in the ledger."""

    models: dict[str, ModelStatus]
    waiting: list[WaitingRow]
    running: list[RunningRow]
    oldest_waiting_ms: int
    current_model: str | None
    current_since: float | None
    swapping: list[str]
    strategy: str
    nodes: dict[str, dict[str, object]]


def take(
    scheduler: Scheduler,
    clock: Clock,
    forecasts: Mapping[str, Forecast],
    addresses: Mapping[str, str],
    last_errors: Mapping[str, str],
    asleep: Container[str] = (),
) -> Snapshot:
    """Read the scheduler's state; changes nothing. To the scheduler a sleeping model is stopped."""
    now = clock.now()
    node = scheduler.node
    current = _current(node.instances)
    waiting = [
        WaitingRow(
            id=request.id,
            model=request.model,
            priority=request.priority.label,
            client=request.client,
            waited_ms=round((now - request.arrived) * 1000),
            position=forecasts[request.id].position if request.id in forecasts else 1,
            eta_ms=round(forecasts[request.id].eta_s * 1000) if request.id in forecasts else None,
        )
        for request in (*scheduler.queue, *scheduler.aside)
    ]
    running = [
        RunningRow(
            id=request,
            model=each.instance.name,
            node=each.instance.node,
            started_ms=round((now - each.granted) * 1000),
        )
        for request, each in scheduler.running.items()
    ]
    return Snapshot(
        models={
            name: _status(scheduler, instance, clock, addresses, last_errors, asleep)
            for name, instance in node.instances.items()
        },
        waiting=sorted(waiting, key=lambda row: row.position),
        running=running,
        oldest_waiting_ms=max((row.waited_ms for row in waiting), default=0),
        current_model=current.name if current else None,
        current_since=clock.wall(current.ready_since) if current else None,
        swapping=[swap.target for swap in node.swaps],
        strategy=scheduler.policy.strategy.name,
        nodes={
            node.name: {
                "loaded": [each.name for each in node.instances.values() if each.serving],
                "swapping": [swap.target for swap in node.swaps],
            }
        },
    )


def _status(
    scheduler: Scheduler,
    instance: Instance,
    clock: Clock,
    addresses: Mapping[str, str],
    last_errors: Mapping[str, str],
    asleep: Container[str],
) -> ModelStatus:
    name = instance.name
    resting = instance.state == State.STOPPED and name in asleep
    return ModelStatus(
        state=str(State.ASLEEP if resting else instance.state),
        since=clock.wall(max(instance.since, clock.started)),
        in_flight=len(instance.in_flight),
        queued=len(scheduler.queue.of(name)) + len(scheduler.aside.of(name)),
        slots=instance.slots,
        memory=scheduler.estimates.footprint(instance.model),
        last_error=last_errors.get(name, ""),
        url=addresses.get(name, ""),
        ttl=instance.model.ttl,
        pinned=instance.pinned,
        resident=instance.model.resident,
        ready_since=clock.wall(instance.ready_since) if instance.serving else None,
    )


def _current(instances: Mapping[str, Instance]) -> Instance | None:
    """The most recently used ready model; resident ones do not count."""
    ready = [each for each in instances.values() if each.serving and not each.model.resident]
    return max(ready, key=lambda each: (each.last_used, each.ready_since), default=None)
