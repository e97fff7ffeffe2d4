"""Requests under way, waiting or running, as the `inflight` events describe them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..clock import iso
from .facts import (
    Listener,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
)


class Entry(Struct, gc=False):
    """One request under way. `state`: `waiting`, `running` (granted) or `streaming`."""

    queued: RequestQueued
    state: str = "waiting"
    node: str = ""


SHOWN = RequestQueued | RequestGranted | RequestFirstByte | RequestRequeued | RequestEnded
"""Facts that change what is shown of a request."""


class Inflight(Listener):
    """Follows the facts of requests."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.hears = {
            RequestQueued: self._queued,
            RequestGranted: self._granted,
            RequestFirstByte: self._first_byte,
            RequestRequeued: self._requeued,
            RequestEnded: self._ended,
        }

    def snapshot(self, now: float) -> dict[str, Any]:
        """The event that lists them all, oldest first; `now` in unix seconds."""
        requests = [_shown(entry, now) for entry in self._entries.values()]
        return {"operation": "snapshot", "requests": requests}

    def change(self, id: str, now: float) -> dict[str, Any]:
        """The event that brings a listener up to date on one request."""
        if (entry := self._entries.get(id)) is None:
            return {"operation": "remove", "id": id}
        return {"operation": "upsert", "request": _shown(entry, now)}

    def _queued(self, fact: RequestQueued) -> None:
        self._entries[fact.id] = Entry(fact)

    def _granted(self, fact: RequestGranted) -> None:
        if entry := self._entries.get(fact.id):
            entry.state, entry.node = "running", fact.node

    def _first_byte(self, fact: RequestFirstByte) -> None:
        if entry := self._entries.get(fact.id):
            entry.state = "streaming"

    def _requeued(self, fact: RequestRequeued) -> None:
        if entry := self._entries.get(fact.id):
            entry.state, entry.node = "waiting", ""

    def _ended(self, fact: RequestEnded) -> None:
        self._entries.pop(fact.id, None)


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
