"""Requests under way, waiting or running, as the `inflight` events describe them."""

from __future__ import annotations

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

    def observe(self, fact: Fact) -> str | None:
        """Follow one fact. None: nothing that is shown has changed."""
        if isinstance(fact, RequestQueued):
            self._entries[fact.id] = Entry(fact)
            return fact.id
        if isinstance(fact, RequestEnded):
            return fact.id if self._entries.pop(fact.id, None) else None
        if not isinstance(fact, RequestGranted | RequestFirstByte | RequestRequeued):
            return None
        if (entry := self._entries.get(fact.id)) is None:
            return None
        match fact:
            case RequestGranted():
                entry.state, entry.node = "running", fact.node
            case RequestFirstByte():
                entry.state = "streaming"
            case RequestRequeued():
                entry.state, entry.node = "waiting", ""
        return fact.id

    def snapshot(self, now: float) -> dict[str, Any]:
        """The event that lists them all, oldest first; `now` in unix seconds."""
        requests = [_shown(entry, now) for entry in self._entries.values()]
        return {"operation": "snapshot", "requests": requests}

    def change(self, id: str, now: float) -> dict[str, Any]:
        """The event that brings a listener up to date on one request."""
        if (entry := self._entries.get(id)) is None:
            return {"operation": "remove", "id": id}
        return {"operation": "upsert", "request": _shown(entry, now)}


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
