"""Requests under way, waiting or running, as the `inflight` events describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clock import iso
from .decisions import Story
from .facts import (
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
)

SHOWN = RequestQueued | RequestGranted | RequestFirstByte | RequestRequeued | RequestEnded
"""Facts that change what is shown of a request."""


class Inflight:
    """Shows the stories that are `under_way`: request → story, oldest first."""

    def __init__(self, under_way: Mapping[str, Story]) -> None:
        self._under_way = under_way

    def snapshot(self, now: float) -> dict[str, Any]:
        """The event that lists them all, oldest first; `now` in unix seconds."""
        requests = [_shown(story, now) for story in self._under_way.values()]
        return {"operation": "snapshot", "requests": requests}

    def change(self, id: str, now: float) -> dict[str, Any]:
        """The event that brings a listener up to date on one request."""
        if (story := self._under_way.get(id)) is None:
            return {"operation": "remove", "id": id}
        return {"operation": "upsert", "request": _shown(story, now)}


def _shown(story: Story, now: float) -> dict[str, Any]:
    queued = story.queued
    state, node = _state(story)
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
            "state": state,
            "node": node,
            "priority": queued.priority,
            "session": queued.session,
        },
    }


def _state(story: Story) -> tuple[str, str]:
    """`waiting`, `running` (granted) or `streaming`, and the node on which it runs."""
    match story.later:
        case [*_, RequestGranted(node=node)]:
            return "running", node
        case [*_, RequestGranted(node=node), RequestFirstByte()]:
            return "streaming", node
    return "waiting", ""
