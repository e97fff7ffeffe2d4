"""`GET /api/events`: what happens, as server-sent events for any number of listeners."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol

import msgspec

from .activity import Activity
from .decisions import Decisions
from .facts import ConfigReloaded, Fact, Facts, InstanceChanged, RequestEnded
from .inflight import SHOWN, Inflight
from .subscriber import Subscriber

LogSource = Literal["proxy", "upstream"]


class FeedSource(Protocol):
    """Where a listener's first picture comes from."""

    def log_history(self, source: LogSource) -> str:
        """The router's own log (`proxy`) or that of all model servers (`upstream`)."""
        ...

    def model_rows(self) -> Sequence[Mapping[str, Any]]:
        """Each configured model: `id name description state unlisted peerID aliases`."""
        ...

    def active_profile(self) -> str | None:
        """The name of the active profile."""
        ...


class Feed:
    """Turns `facts` into events, while somebody listens.

    `activity`, whose newest row it announces, and `decisions`, which knows the requests under way,
    must hear of a fact before it. A listener that does not keep up loses events, never the truth:
    it is sent the whole state again instead.
    """

    def __init__(
        self,
        facts: Facts,
        source: FeedSource,
        activity: Activity,
        decisions: Decisions,
        wall: Callable[[], float],
    ) -> None:
        self._facts = facts
        self._unsubscribe: Callable[[], None] = lambda: None
        self._source = source
        self._activity = activity
        self._wall = wall
        self._inflight = Inflight(decisions.under_way)
        self._subscribers: set[Subscriber] = set()

    def _observe(self, fact: Fact) -> None:
        """Pass one fact on, as itself and as the llama-swap events that follow from it."""
        self._send(frame("fact", fact))
        if isinstance(fact, InstanceChanged | ConfigReloaded):
            self._models_changed()
        if isinstance(fact, RequestEnded):
            self._send(frame("activity", {"id": self._activity.newest_id}))
        if isinstance(fact, SHOWN):
            for subscriber in self._subscribers:
                subscriber.touch(fact.id, ended=isinstance(fact, RequestEnded))

    def log(self, source: LogSource, text: object) -> None:
        """Pass on a piece of log as it is written: a string, or what is one when `str` asks."""
        if self._subscribers:
            self._send(frame("logData", {"source": source, "data": str(text)}))

    def profile_changed(self) -> None:
        """To be called after another profile was made active."""
        if self._subscribers:
            self._send(self._profile())
            self._models_changed()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """The stream of one listener: first the whole picture, then what changes."""
        subscriber = Subscriber(self._models, self._snapshot, self._change, self._opening())
        if not self._subscribers:
            self._unsubscribe = self._facts.subscribe(self._observe)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers:
                self._unsubscribe()

    def close(self) -> None:
        """End all streams once they have said what they had to; called at shutdown."""
        for subscriber in self._subscribers:
            subscriber.close()

    def _send(self, event: bytes) -> None:
        for subscriber in self._subscribers:
            subscriber.send(event)

    def _models_changed(self) -> None:
        for subscriber in self._subscribers:
            subscriber.touch_models()

    def _opening(self) -> list[bytes]:
        sources: tuple[LogSource, ...] = ("proxy", "upstream")
        logs = [
            frame("logData", {"source": source, "data": self._source.log_history(source)})
            for source in sources
        ]
        ui = frame("uiConfig", {"title": "Jano"})
        return [*logs, self._models(), ui, self._profile(), self._snapshot()]

    def _models(self) -> bytes:
        return frame("modelStatus", self._source.model_rows())

    def _profile(self) -> bytes:
        return frame("profileChanged", {"active": self._source.active_profile()})

    def _snapshot(self) -> bytes:
        return frame("inflight", self._inflight.snapshot(self._wall()))

    def _change(self, id: str) -> bytes:
        return frame("inflight", self._inflight.change(id, self._wall()))


def frame(kind: str, data: object) -> bytes:
    """One event; its data is JSON inside a JSON string, as llama-swap's clients expect it."""
    inner = msgspec.json.encode(data).decode()
    return b"event:message\ndata:" + msgspec.json.encode({"type": kind, "data": inner}) + b"\n\n"
