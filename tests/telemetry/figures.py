"""Facts and snapshots for the telemetry tests."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from jano_core.plugin.contracts import Usage
from jano_core.telemetry.facts import (
    Fact,
    InstanceChanged,
    RequestEnded,
    RequestGranted,
    RequestQueued,
    RequestWaits,
    SwapEnded,
)
from jano_core.telemetry.ledger import Ledger

START = 1_700_000_000.0


class Wall:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


class Model(Struct):
    state: str = "stopped"
    since: float = START
    in_flight: int = 0
    queued: int = 0
    memory: int | None = None
    last_error: str = ""
    resident: bool = False


class Picture(Struct):
    """What a dispatcher's snapshot shows the telemetry."""

    models: dict[str, Model]
    current_model: str | None = None
    current_since: float | None = None
    oldest_waiting_ms: int = 0
    strategy: str = "greedy"
    nodes: dict[str, Any] = field(default_factory=dict)


def ledger(wall: Wall, **settings: Any) -> Ledger:
    return Ledger(wall, version="1.2.3", **settings)


def ended(model: str, *, at: float = START, id: str = "1", **values: Any) -> RequestEnded:
    values = {"outcome": "served", "status": 200, "total_ms": 100.0, **values}
    return RequestEnded(at=at, id=id, model=model, **values)


def failed_load(model: str, at: float = START) -> SwapEnded:
    return SwapEnded(at=at, swap=9, model=model, outcome="failed", error="exit status 1", fails=2)


def swap(old: str, new: str, seconds: float, at: float = START, drain: float = 0.0) -> SwapEnded:
    return SwapEnded(
        at=at,
        swap=1,
        model=new,
        outcome="ready",
        coming_from=old,
        seconds=seconds,
        drain_s=drain,
        start_s=seconds - drain,
    )


def state(model: str, name: str, at: float = START, resident: bool = False) -> InstanceChanged:
    return InstanceChanged(at=at, model=model, state=name, resident=resident)


def queued(id: str, model: str, **values: Any) -> RequestQueued:
    return RequestQueued(at=values.pop("at", START), id=id, model=model, **values)


def waits(id: str, model: str, **values: Any) -> RequestWaits:
    return RequestWaits(at=values.pop("at", START), id=id, model=model, **values)


def granted(id: str, model: str, **values: Any) -> RequestGranted:
    return RequestGranted(at=values.pop("at", START), id=id, model=model, **values)


def three_calls() -> list[Fact]:
    """alpha (found loaded at the start), beta and a beta stream, as the original's test has it."""
    alpha = Usage(prompt_tokens=11, generated_tokens=22, generated_per_second=44.4)
    beta = Usage(prompt_tokens=11, generated_tokens=22, generated_per_second=33.3)
    stream = Usage(prompt_tokens=7, generated_tokens=13, generated_per_second=55.5)
    return [
        state("alpha", "ready"),
        queued("1", "alpha"),
        granted("1", "alpha"),
        ended("alpha", id="1", usage=alpha, ttfb_ms=12.4, queue_ms=0.2, swap_ms=0.0),
        queued("2", "beta"),
        waits("2", "beta"),
        state("alpha", "stopped"),
        state("beta", "starting"),
        state("beta", "ready"),
        swap("alpha", "beta", 1.5),
        granted("2", "beta", queue_ms=1500.0, swap_ms=1500.0, eta_ms=2000.0),
        ended("beta", id="2", usage=beta, ttfb_ms=20.0, queue_ms=1500.0, swap_ms=1500.0),
        queued("3", "beta"),
        granted("3", "beta"),
        ended("beta", id="3", usage=stream, ttfb_ms=9.0, queue_ms=0.0, swap_ms=0.0),
    ]
