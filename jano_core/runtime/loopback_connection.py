"""One connection to a model server: one exchange after the other, and silence between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import cast

from .loopback_answer import Answer, AnswerReader

HIGH_WATER = 256 * 1024
"""Bytes of an answer that wait for a slow client before the server is held back too."""
LOW_WATER = 64 * 1024
JOINED = 64 * 1024
"""A head and a body up to this size leave in one piece; copying more costs more than it saves."""


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`. Whoever calls `begin` ends with `close` or reuses it."""

    def __init__(self) -> None:
        self.ended = False
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._reader = AnswerReader()
        self._answer: Answer | None = None
        self._news: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self.held_back = False
        """The client has more to take than should wait for it."""

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The way is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came; of an idle connection nothing is expected."""
        answer = self._answer
        if answer is None:
            self.close()
            return
        self._reader.feed(data)
        if answer.buffered > HIGH_WATER and not self.held_back:
            self.held_back = True
            self._transport.pause_reading()
        if answer.take is None or answer.complete or answer.failure:
            self._wake()

    def eof_received(self) -> None:
        """The server says no more. Whoever still sends to it need not try to its end."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, from whichever side."""
        self.ended = True
        if self._answer is not None:
            self._answer.end()
        self._reader.close()
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """The server does not take what is sent as fast as it is sent."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """It does again."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # -- called by the exchange

    def begin(self, answer: Answer, *request: bytes | memoryview) -> None:
        """Send a request, or as much of it as there is; `answer` is fed from now on."""
        self._answer = answer
        self._reader.expect(answer)
        # Not `writelines`: on asyncio's own loop some Pythons do not hold the writer back after it.
        for part in request:
            self._transport.write(part)

    def write(self, request: bytes) -> None:
        """Send the request that was begun without it, unless it was given up meanwhile."""
        if not self.ended:
            self._transport.write(request)

    async def begin_streaming(
        self, answer: Answer, head: bytes, pieces: AsyncIterable[bytes], *, chunked: bool
    ) -> None:
        """Send a request whose body comes piece by piece, as fast as the server takes it. If it
        answers or leaves before, the rest is not sent.
        """
        self.begin(answer, head)
        async for piece in pieces:
            if self._drained is not None:
                await self._drained
            if answer.begun or answer.failure:
                answer.reusable = False
                return
            if chunked and piece:
                piece = b"%x\r\n%b\r\n" % (len(piece), piece)
            self._transport.write(piece)
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def news(self) -> asyncio.Future[None]:
        """What to await until something has come, or the connection has ended."""
        self._news = self._loop.create_future()
        return self._news

    def taken(self) -> None:
        """The client has taken some of what waited: let a server that was held back go on."""
        assert self._answer is not None
        if self._answer.buffered < LOW_WATER:
            self.held_back = False
            self._transport.resume_reading()

    def rest(self) -> bool:
        """The exchange is over. Whether the connection can carry another."""
        answer, self._answer = self._answer, None
        fit = answer is not None and answer.complete and answer.reusable and not self.ended
        # A server may answer before it has read everything.
        if not fit or self.held_back or self._transport.get_write_buffer_size():
            self.close()
            return False
        return True

    def close(self) -> None:
        """End it at once, whatever is under way."""
        self.ended = True
        self._transport.abort()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
