"""Time as a parameter: one monotonic clock for decisions, one wall clock for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import anyio


class Clock:
    """Must be made inside the event loop that it serves; runs on virtual time there as well."""

    def __init__(self, wall: float | None = None) -> None:
        self.started = anyio.current_time()
        """When it was made, on its monotonic side."""
        self._wall = time.time() if wall is None else wall

    def now(self) -> float:
        """Monotonic seconds of the event loop; the scheduler's only time."""
        return anyio.current_time()

    def wall(self, at: float | None = None) -> float:
        """Unix seconds of `at` (now when None), derived so that both clocks agree."""
        return self._wall + (self.now() if at is None else at) - self.started


def iso(wall: float) -> str:
    """`2026-11-20T09:30:00.123Z`."""
    stamp = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
