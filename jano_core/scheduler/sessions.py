"""When callers come back: the pauses that sessions make between their requests for a model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from .types import Request

MOST = 1000
"""Sessions remembered in all; those that have rested longest are forgotten first."""
GAPS_KEPT = 8

Key = tuple[str, str, str]


class Session(Struct, frozen=True):
    """A session whose last request for a model ended at `since` and that has not come back yet.

    `gaps` are its last pauses in seconds, newest last. Times are on the scheduler's clock.
    """

    since: float
    gaps: tuple[float, ...]


class Sessions:
    """What `X-Jano-Session` tells. A session is one client's name for it, with one model."""

    def __init__(self) -> None:
        self._gaps: dict[Key, deque[float]] = {}
        self._resting: dict[str, dict[Key, float]] = {}
        """Model → sessions that may come back → since when, newest last."""

    def arrived(self, request: Request, now: float) -> None:
        """A request of a session came in."""
        key = _key(request)
        resting = self._resting.get(request.model, {})
        since = resting.pop(key, None)
        if since is not None:
            gaps = self._gaps.pop(key, None) or deque(maxlen=GAPS_KEPT)
            gaps.append(now - since)
            self._gaps[key] = gaps  # behind all others
            if len(self._gaps) > MOST:
                self._forget(next(iter(self._gaps)))

    def ended(self, request: Request, now: float) -> None:
        """A request that was granted is over; its session may come back."""
        key = _key(request)
        resting = self._resting.setdefault(request.model, {})
        resting.pop(key, None)
        resting[key] = now
        if len(resting) > MOST:
            self._forget(next(iter(resting)))

    def resting(self, model: str, now: float, at_most: float) -> Iterator[Session]:
        """Sessions that have paused for no longer than `at_most` seconds, the newest first."""
        for key, since in reversed(self._resting.get(model, {}).items()):
            if now - since > at_most:
                return
            if gaps := self._gaps.get(key):
                yield Session(since, tuple(gaps))

    def _forget(self, key: Key) -> None:
        self._gaps.pop(key, None)
        self._resting.get(key[-1], {}).pop(key, None)


def _key(request: Request) -> Key:
    return request.client, request.session, request.model
