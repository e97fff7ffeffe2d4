"""Requests under way, waiting or running, as the `inflight` events describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ..clock import iso
from .facts import (
    Fact,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
)


class Entry(Struct):
    """One request under way. `state`: `waiting`, `running` (granted) or `streaming`."""

    queued: RequestQueued
    state: str = "waiting"
    node: str = ""


class Inflight:
    """Follows the facts of requests; `observe` returns the id of the request that changed."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._follow: dict[type[Fact], Callable[[Any], str | None]] = {
            RequestQueued: self._queued,
            RequestGranted: lambda fact: self._now(fact.id, "running", fact.node),
            RequestFirstByte: lambda fact: self._now(fact.id, "streaming"),
            RequestRequeued: lambda fact: self._now(fact.id, "waiting", ""),
            RequestEnded: self._ended,
        }

    def observe(self, fact: Fact) -> str | None:
        """Follow one fact. None: nothing that is shown has changed."""
        follow = self._follow.get(type(fact))
        return follow(fact) if follow else None

    def snapshot(self, now: float) -> dict[str, Any]:
        """The event that lists them all, oldest first; `now` in unix seconds."""
        requests = [_shown(entry, now) for entry in self._entries.values()]
        return {"operation": "snapshot", "requests": requests}

    def change(self, id: str, now: float) -> dict[str, Any]:
        """The event that brings a listener up to date on one request."""
        if (entry := self._entries.get(id)) is None:
            return {"operation": "remove", "id": id}
        return {"operation": "upsert", "request": _shown(entry, now)}

    def _queued(self, fact: RequestQueued) -> str:
        self._entries[fact.id] = Entry(fact)
        return fact.id

    def _now(self, id: str, state: str, node: str | None = None) -> str | None:
        """The request is in this state, and on another node if one is given."""
        if (entry := self._entries.get(id)) is None:
            return None
        entry.state = state
        if node is not None:
            entry.node = node
        return id

    def _ended(self, fact: RequestEnded) -> str | None:
        return fact.id if self._entries.pop(fact.id, None) else None


def _shown(entry: Entry, now: float) -> dict[str, Any]:
    queued = entry.queued
    return {
        "id": queued.id,
        "timestamp": iso(queued.at),
        "model": queued.model,
        "req_path": queued.path,
        "method": queued.method,
        "req_headers": {},
        "remote_ip": queued.client,
        "resp_headers": {},
        "resp_bytes": None,
        "elapsed_ms": max(0, round((now - queued.at) * 1000)),
        "metadata": {
            "state": entry.state,
            "node": entry.node,
            "priority": queued.priority,
            "session": queued.session,
        },
    }
