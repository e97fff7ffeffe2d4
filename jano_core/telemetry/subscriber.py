"""One listener's outbox: bounded, and merging what would only repeat itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

import anyio

OUTBOX = 1024
"""Events that may wait for a slow listener."""
INTERVAL = 0.25
"""Seconds between two events about the same request."""


class Subscriber:
    """An endless iterator of bytes, each a whole number of events. Only one task may iterate.

    The state of models and of requests under way is rendered when it is sent, not when it
    changes, so that a slow listener gets the latest once. Events that cannot be rendered anew
    are dropped when the outbox is full; then models and requests are sent whole.
    """

    def __init__(
        self,
        models: Callable[[], bytes],
        snapshot: Callable[[], bytes],
        change: Callable[[str], bytes],
        opening: list[bytes],
    ) -> None:
        self._models, self._snapshot, self._change = models, snapshot, change
        self._outbox = deque(opening)
        self._models_due = False
        self._lost = False
        self._touched: dict[str, None] = {}
        self._sent_at: dict[str, float] = {}
        self._closed = False
        self._wake = anyio.Event()

    def send(self, event: bytes) -> None:
        """Queue an event."""
        if len(self._outbox) < OUTBOX:
            self._outbox.append(event)
        else:
            self._lost = True
        self._wake.set()

    def touch(self, id: str, *, ended: bool) -> None:
        """The request has changed; its end is told without delay."""
        if not self._lost:  # else all of them will be sent
            self._touched[id] = None
        if ended:
            self._sent_at.pop(id, None)
        self._wake.set()

    def touch_models(self) -> None:
        """Some model has changed."""
        self._models_due = True
        self._wake.set()

    def close(self) -> None:
        """End the iteration after what is already queued."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> Subscriber:
        return self

    async def __anext__(self) -> bytes:
        while True:
            self._wake = anyio.Event()
            if events := self._take(anyio.current_time()):
                return b"".join(events)
            if self._closed:
                raise StopAsyncIteration
            with anyio.CancelScope(deadline=self._next_due()):
                await self._wake.wait()

    def _take(self, now: float) -> list[bytes]:
        events = list(self._outbox)
        self._outbox.clear()
        if self._models_due or self._lost:
            events.append(self._models())
        if self._lost:
            events.append(self._snapshot())
            self._touched.clear()
        self._models_due = self._lost = False
        self._sent_at = {id: at for id, at in self._sent_at.items() if at + INTERVAL > now}
        for id in [id for id in self._touched if self._due(id) <= now]:
            del self._touched[id]
            self._sent_at[id] = now
            events.append(self._change(id))
        return events

    def _due(self, id: str) -> float:
        return self._sent_at.get(id, -inf) + INTERVAL

    def _next_due(self) -> float:
        return min(map(self._due, self._touched), default=inf)
