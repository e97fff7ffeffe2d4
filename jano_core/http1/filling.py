"""The rest of a large body, on its way from the kernel straight to where it is wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection


class Filling(asyncio.BufferedProtocol):
    """Stands in for `connection` until `place` is full, whether or not somebody still wants it.
    What comes behind the body stays in the kernel until then.
    """

    def __init__(self, connection: Connection, place: memoryview) -> None:
        self._connection = connection
        self._place = place

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        """So many came."""
        self._place = self._place[nbytes:]
        if not self._place:
            self._place = memoryview(b"")  # uvloop keeps us until the connection ends
            self._connection.filled()

    def eof_received(self) -> None:
        """As the connection's own, like the rest."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """It takes less than it is sent."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._connection.resume_writing()
