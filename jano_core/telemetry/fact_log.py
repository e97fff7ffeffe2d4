"""Facts as log lines: the only place where requests, swaps and crashes are logged."""

from __future__ import annotations

import logging
from typing import Any

from .facts import (
    ConfigReloaded,
    InstanceChanged,
    Listener,
    RequestEnded,
    RequestRequeued,
    RequestWaits,
    ServerCrashed,
    StrategyFellBack,
    SwapEnded,
    SwapStarted,
)
from .logging import fields, say

log = logging.getLogger("jano")


class FactLog(Listener):
    """Writes the lines that a fact deserves."""

    def __init__(self) -> None:
        self.hears = {
            RequestWaits: _log_waits,
            RequestRequeued: _log_requeued,
            RequestEnded: _log_end,
            SwapStarted: _log_swap_start,
            SwapEnded: _log_swap_end,
            InstanceChanged: _log_state,
            ServerCrashed: _log_crash,
            StrategyFellBack: _log_fallback,
            ConfigReloaded: _log_reload,
        }


def _log_waits(fact: RequestWaits) -> None:
    if not fact.resident:
        say(log, logging.INFO, "enqueued", {"id": fact.id, "model": fact.model})


def _log_requeued(fact: RequestRequeued) -> None:
    _say(logging.WARNING, "requeued", id=fact.id, model=fact.model, err=fact.why)


def _log_end(fact: RequestEnded) -> None:
    served = fact.outcome == "served"
    if not served:
        _log_trouble(fact)
        if fact.outcome != "left" or fact.queue_ms is None:
            return
    about = {
        "id": fact.id,
        "model": fact.model,
        "status": fact.status,
        "ms": round(fact.total_ms),
        "aborted": not served,
    }
    say(log, logging.INFO, "passthrough served" if fact.resident else "served", about)


def _log_trouble(fact: RequestEnded) -> None:
    about = {"id": fact.id, "model": fact.model}
    problem = {"code": fact.code or None, "err": fact.error or None}
    granted = fact.queue_ms is not None
    match fact.outcome:
        case "left" if not granted:
            _say(logging.INFO, "dropping disconnected task", **about)
        case "left":
            which = "passthrough upstream" if fact.resident else "upstream"
            _say(logging.INFO, f"{which} aborted by client disconnect", **about)
        case "refused" if fact.code == "model_unavailable":
            text = "failing fast: backend marked bad"
            _say(logging.WARNING, text, **about, fails=fact.fails, err=fact.error)
        case "failed":
            which = "passthrough" if fact.resident else "upstream"
            _say(logging.ERROR, f"{which} failed", **about, status=fact.status, **problem)
        case outcome:
            _say(logging.WARNING, outcome, **about, status=fact.status, **problem)


def _log_swap_start(fact: SwapStarted) -> None:
    why = fact.why or None
    _say(logging.INFO, "swap requested", model=fact.model, evict=fact.evict, why=why)


def _log_swap_end(fact: SwapEnded) -> None:
    match fact.outcome:
        case "ready":
            _say(logging.INFO, "swap ready", model=fact.model, ms=round(fact.seconds * 1000))
        case "failed":
            _say(logging.ERROR, "swap failed", model=fact.model, fails=fact.fails, err=fact.error)
        case _:
            _say(logging.INFO, "swap cancelled", model=fact.model)


def _log_state(fact: InstanceChanged) -> None:
    _say(logging.DEBUG, "state", model=fact.model, state=fact.state, why=fact.why)


def _log_crash(fact: ServerCrashed) -> None:
    _say(logging.ERROR, "server crashed", model=fact.model, err=fact.why)


def _log_fallback(fact: StrategyFellBack) -> None:
    text = "strategy failed, greedy decides"
    _say(logging.ERROR, text, strategy=fact.strategy, err=fact.why)


def _log_reload(fact: ConfigReloaded) -> None:
    changes = {"added": fact.added, "changed": fact.changed, "removed": fact.removed}
    _say(logging.INFO, "configuration reloaded", **changes)


def _say(level: int, message: str, **values: Any) -> None:
    log.log(level, message, extra=fields(**values))
