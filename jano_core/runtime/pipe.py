"""The reading end of a pipe as a stream: it may be passed to any process, by any means."""

from __future__ import annotations

import os

import anyio
from anyio.abc import ByteReceiveStream


class Pipe(ByteReceiveStream):
    """What is written to `end`, which the caller gives away and closes."""

    def __init__(self) -> None:
        self._start, self.end = os.pipe()
        os.set_blocking(self._start, False)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """See `ByteReceiveStream.receive`."""
        if self._start < 0:
            raise anyio.ClosedResourceError
        await anyio.wait_readable(self._start)
        text = os.read(self._start, max_bytes)
        if not text:
            raise anyio.EndOfStream
        return text

    async def aclose(self) -> None:
        """See `ByteReceiveStream.aclose`; nobody may be receiving."""
        if self._start >= 0:
            os.close(self._start)
            self._start = -1
