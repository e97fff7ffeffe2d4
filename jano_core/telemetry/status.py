"""The object of `/status` and `/health`: the original's keys in their order, then Jano's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..clock import iso
from .counters import Counters
from .facts import LoadProgress
from .recent import Recent

MINUTE = 60
QUARTER = 15 * MINUTE
HOUR = 60 * MINUTE


class ModelStatus(Protocol):
    """One model at this moment."""

    @property
    def state(self) -> str:
        """A word of the instance table."""

    @property
    def since(self) -> float:
        """Since when it is in that state, unix seconds."""

    @property
    def in_flight(self) -> int:
        """Its running requests."""

    @property
    def queued(self) -> int:
        """Its waiting requests."""

    @property
    def memory(self) -> int | None:
        """Its footprint in bytes, where known."""

    @property
    def last_error(self) -> str:
        """What went wrong with it last; empty: nothing."""

    @property
    def resident(self) -> bool:
        """Always up, outside queue and swap."""


class Snapshot(Protocol):
    """What the dispatcher knows at this moment and no sum of facts can tell as surely."""

    @property
    def models(self) -> Mapping[str, ModelStatus]:
        """Every configured model."""

    @property
    def oldest_waiting_ms(self) -> int:
        """The age of the oldest waiting request; 0: none waits."""

    @property
    def current_model(self) -> str | None:
        """The ready model that was used last."""

    @property
    def current_since(self) -> float | None:
        """Since when that one is ready, unix seconds."""

    @property
    def strategy(self) -> str:
        """The name of the strategy in charge."""

    @property
    def nodes(self) -> Mapping[str, Any]:
        """Each place with capacity and what is on it."""


def present(snapshot: Snapshot) -> dict[str, Any]:
    """The part about this moment: the queue and what is loaded."""
    models = snapshot.models
    since = snapshot.current_since
    return {
        "ok": True,
        "currentModel": snapshot.current_model,
        "queueDepth": sum(model.queued for model in models.values()),
        "queueByModel": {name: model.queued for name, model in models.items()},
        "oldestWaitingMs": snapshot.oldest_waiting_ms,
        "currentModelLoadedAt": None if since is None else iso(since),
        "inFlight": in_flight(snapshot),
    }


def past(counters: Counters, recent: Recent, now: float, started: float) -> dict[str, Any]:
    """The part about what has been; `now` and `started` are unix seconds."""
    return {
        "lastSwapDurationMs": recent.last_swap_ms,
        "swapsLast15m": recent.swaps.within(QUARTER, now),
        "swapsLastHour": recent.swaps.within(HOUR, now),
        "recentGenTokS": recent.generated_rate.mean(),
        "recentPromptTokS": recent.prompt_rate.mean(),
        "tokSByModel": {name: ring.mean() for name, ring in recent.rate_by_model.items()},
        "uptimeSeconds": int(now - started),
        "requestsServedTotal": sum(counters.served.values()),
        "requestsByModel": dict(counters.served),
        "tokensGeneratedTotal": sum(counters.generated_tokens.values()),
        "tokensByModel": dict(counters.generated_tokens),
        "requestsPerMinute": recent.requests.within(MINUTE, now),
        "errorsLast15m": recent.errors.within(QUARTER, now),
        "lastError": _last_error(recent),
    }


def additions(
    snapshot: Snapshot, recent: Recent, swaps_avoided: int | None, version: str
) -> dict[str, Any]:
    """The original's last key, which needs every model's name, and those it did not have."""
    return {
        "backendHealth": {name: health(recent, name) for name in snapshot.models},
        "models": {
            name: _model(model, recent.progress.get(name))
            for name, model in snapshot.models.items()
        },
        "nodes": snapshot.nodes,
        "strategy": snapshot.strategy,
        "swapsAvoided": swaps_avoided,
        "version": version,
    }


def in_flight(snapshot: Snapshot) -> int:
    """Running requests; those of resident models stand outside, as in the original."""
    return sum(model.in_flight for model in snapshot.models.values() if not model.resident)


def health(recent: Recent, model: str) -> str:
    """`up`, `down`, or `unknown` until traffic has told."""
    known = recent.healthy.get(model)
    return "unknown" if known is None else "up" if known else "down"


def _model(model: ModelStatus, progress: LoadProgress | None) -> dict[str, Any]:
    return {
        "state": model.state,
        "since": iso(model.since),
        "inFlight": model.in_flight,
        "queued": model.queued,
        "memory": model.memory,
        "lastError": model.last_error or None,
        "progress": progress.fraction if progress else None,
        "note": (progress.note or None) if progress else None,
    }


def _last_error(recent: Recent) -> dict[str, Any] | None:
    if (error := recent.last_error) is None:
        return None
    return {"ts": iso(error.at), "model": error.model, "message": error.message}
