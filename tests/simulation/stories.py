"""Small traces for tests, and what became of them."""

from __future__ import annotations

from typing import Any

from jano_core.scheduler.strategy import Strategy
from jano_core.simulation.simulator import Run, simulate
from jano_core.simulation.trace import Call, Header, Trace, TraceModel


def trace(models: list[TraceModel], calls: list[Call], **header: Any) -> Trace:
    """A trace on a box on which one model of 10 GiB fits, unless told otherwise."""
    header = {"trace": "story", "seed": 1, "mem": 10.0, **header}
    return Trace(Header(models=tuple(models), **header), tuple(calls))


def model(name: str, load_s: float = 10.0, **more: Any) -> TraceModel:
    """A model that fills the box."""
    return TraceModel(name=name, load_s=load_s, **{"mem": 10.0, **more})


def call(number: int, at: float | None, name: str, s: float = 1.0, **more: Any) -> Call:
    """A request that takes a second."""
    return Call(id=number, t=at, model=name, s=s, **more)


def play(strategy: Strategy, story: Trace) -> Run:
    """Run it; no plan of the strategy may have been refused."""
    run = simulate(story, strategy)
    assert run.invalid_plans == []
    return run


def started(run: Run) -> list[int]:
    """The requests' ids in the order in which they were started."""
    served = [fate for fate in run.fates if fate.started is not None]
    return [int(fate.call.id) for fate in sorted(served, key=lambda fate: fate.started or 0.0)]


def loaded(run: Run) -> str:
    """The models' names in the order of their loads."""
    return " ".join(name for _, name in run.loads)


def wait(run: Run, number: int) -> float:
    """How long that request waited."""
    fate = next(fate for fate in run.fates if fate.call.id == number)
    assert fate.started is not None, f"request {number} was lost"
    return fate.started - fate.arrived
