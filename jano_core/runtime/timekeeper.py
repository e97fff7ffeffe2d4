"""The one timer of the dispatcher."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio


class Timekeeper:
    """Wakes the scheduler when it asked for it. `due` says when, `wake` is called then."""

    def __init__(self, due: Callable[[], float | None], wake: Callable[[], None]) -> None:
        self._due = due
        self._wake = wake
        self._armed = math.inf
        self._rearm = anyio.Event()

    def expect(self, due: float) -> None:
        """Something happened: this is when it is due now, perhaps earlier than before."""
        if due < self._armed:
            self._rearm.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            due = self._due()
            self._armed = math.inf if due is None else due
            self._rearm = anyio.Event()
            with anyio.CancelScope(deadline=self._armed) as waiting:
                await self._rearm.wait()
            if waiting.cancelled_caught:
                self._wake()
