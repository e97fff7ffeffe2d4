"""Time as a parameter: one monotonic clock for decisions, one wall clock for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

import anyio
import anyio.lowlevel


class Clock:
    """Must be made inside the event loop that it serves; runs on virtual time there as well.

    `now()` gives monotonic seconds of the event loop; the scheduler's only time.
    """

    def __init__(self, wall: float | None = None) -> None:
        # An asyncio loop is its own clock; to ask it by way of anyio takes ten times as long.
        loop = anyio.lowlevel.current_token().native_token
        self.now: Callable[[], float] = getattr(loop, "time", anyio.current_time)
        self.started = self.now()
        """When it was made, on its monotonic side."""
        self.ahead = (time.time() if wall is None else wall) - self.started
        """Seconds from its monotonic side to its wall side."""

    def wall(self, at: float | None = None) -> float:
        """Unix seconds of `at` (now when None), derived so that both clocks agree."""
        return (self.now() if at is None else at) + self.ahead


def iso(wall: float) -> str:
    """`2026-11-20T09:30:00.123Z`."""
    wall += 5e-7  # a moment of whole milliseconds may be a hair below them
    second = floor(wall)
    milliseconds = str(floor((wall - second) * 1000)).zfill(3)  # `:03` takes twice as long
    return f"{_iso_seconds(second)}.{milliseconds}Z"


@lru_cache(maxsize=4)
def _iso_seconds(wall: int) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")
