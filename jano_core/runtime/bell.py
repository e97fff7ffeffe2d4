"""Something that happens again and again, and for which mostly nobody waits."""

from __future__ import annotations

import anyio


class Bell:
    """Costs next to nothing to ring while nobody listens."""

    def __init__(self) -> None:
        self._heard: anyio.Event | None = None

    def ring(self) -> None:
        """It has happened: everybody who waits goes on."""
        if self._heard is not None:
            self._heard.set()
            self._heard = None

    async def wait(self) -> None:
        """Until it rings the next time."""
        if self._heard is None:
            self._heard = anyio.Event()
        await self._heard.wait()
