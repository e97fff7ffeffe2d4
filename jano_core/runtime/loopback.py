"""The client for model servers that speak plain HTTP/1.1, over TCP or a unix socket.

Almost all do, on the same machine. General clients take ten times as long for a small request, and
their pools hundreds of times with hundreds of requests under way. What this one does not do
(TLS, HTTP/2, proxies), httpx's own transport does: see `upstream`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable
from urllib.parse import unquote, urlsplit

import anyio

from ..errors import LACKS, NoRoom, UpstreamError
from .loopback_answer import Answer, Headers, Take
from .loopback_connection import JOINED, Connection

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE_S = 4.0
"""Below the five seconds after which cpp-httplib and uvicorn close an idle connection."""
IDLE_CONNECTIONS = 256
CROWD = 8
"""With more exchanges under way, small requests leave together at the end of a step of the event
loop. To wake a server that sleeps costs more than to send to one that is awake, and it sleeps again
before the next request is made: of 64 that leave one by one each one wakes it.
"""
STALE_WITHIN_S = 1.0
"""A connection that was closed while idle says so within a round trip; a later break is an answer
that was being worked on, and not to be asked for twice."""

SCHEMES = ("http", "http+unix")
_line = b": ".join

Sent = bytes | memoryview | AsyncIterable[bytes]
WHOLE = (bytes, memoryview)
"""Bodies that are all there, and can be sent again."""


class LoopbackResponse:
    """An answer whose head has come. Whoever opened it must close it, also when cancelled."""

    def __init__(self, pool: Loopback, connection: Connection, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        """As received: order, case and repetition kept."""
        self._pool = pool
        self._connection: Connection | None = connection
        self._answer = answer

    def whole(self) -> bytes | None:
        """See `UpstreamResponse.whole`."""
        answer = self._answer
        return self._next() if answer.complete and len(answer.chunks) == 1 else None

    async def read(self) -> bytes:
        """See `UpstreamResponse.read`."""
        answer, connection = self._answer, self._connection
        while not answer.chunks:
            if answer.complete or connection is None:
                return b""
            if answer.failure:
                raise UpstreamError(answer.failure)
            await connection.news()
        return self._next()

    async def pour(self, take: Take) -> None:
        """See `UpstreamResponse.pour`. Pieces go to `take` from where the event loop brings them;
        no task is woken for them.
        """
        answer, connection = self._answer, self._connection
        while connection is not None:
            if answer.chunks and (full := take(self._all())) is not None:
                await full.wait()
                continue
            if answer.complete:
                return
            if answer.failure:
                raise UpstreamError(answer.failure)
            answer.go_to(take)
            try:
                await connection.news()
            finally:
                answer.go_to(None)
            if answer.problem is not None:
                raise answer.problem
            if answer.full is not None:
                await answer.full.wait()

    def _next(self) -> bytes:
        """A piece that has come."""
        answer, connection = self._answer, self._connection
        chunk = answer.chunks.popleft()
        answer.buffered -= len(chunk)
        if connection is not None and connection.held_back:
            connection.taken()
        return chunk

    def _all(self) -> list[bytes]:
        """Every piece that has come."""
        answer, connection = self._answer, self._connection
        chunks = [*answer.chunks]
        answer.chunks.clear()
        answer.buffered = 0
        if connection is not None and connection.held_back:
            connection.taken()
        return chunks

    async def aclose(self) -> None:
        """Done with it; unless the body was read to its end, the connection is closed at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)


class Loopback:
    """Connections to the server at `url`, kept open between requests.

    `http+unix://%2Frun%2Fmodel.sock/base` means a unix socket. With `keep_alive` off every request
    has a connection of its own. Has no time limit of its own but to connect.
    """

    def __init__(self, url: str, *, keep_alive: bool = True) -> None:
        parts = urlsplit(url)
        self._path = unquote(parts.netloc) if parts.scheme == "http+unix" else ""
        self._address = "" if self._path else parts.hostname or "", parts.port or 80
        self._keep_alive = keep_alive
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._leaving: list[tuple[Connection, bytes]] = []
        """What is sent at the end of this step."""

    async def open(
        self, method: str, target: bytes, headers: Headers, body: Sent
    ) -> LoopbackResponse:
        """Send a request and return as soon as the answer's head is there.

        `headers` go as they are and must frame the body. Cancelled, it closes the connection.
        Raises `UpstreamError`.
        """
        head = request_head(method, target, headers)
        began = time.monotonic()
        while True:
            connection = kept = self._kept()
            if connection is None:
                connection = await self._connect()
            answer = Answer(method)
            try:
                if isinstance(body, WHOLE):
                    self._send(connection, answer, head, body)
                else:
                    chunked = (b"transfer-encoding", b"chunked") in headers
                    await connection.begin_streaming(answer, head, body, chunked=chunked)
                while not answer.begun and not answer.failure:
                    await connection.news()
            except BaseException:
                self._discard(connection)
                raise
            if answer.begun:
                return LoopbackResponse(self, connection, answer)
            self._discard(connection)
            soon = time.monotonic() - began < STALE_WITHIN_S
            if kept is None or not soon or answer.heard or not isinstance(body, WHOLE):
                raise UpstreamError(answer.failure)
            # The connection had been kept from an earlier exchange, and the server closed it just
            # before this one was sent. What is kept besides is as old: start anew.
            self._drop_idle()

    def give_back(self, connection: Connection) -> None:
        """An exchange is over: keep its connection if it can carry another."""
        if connection.rest() and self._keep_alive and len(self._idle) < IDLE_CONNECTIONS:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
            if self._sweep is None:
                self._arm()
        else:
            self._discard(connection)

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in tuple(self._all):
            self._discard(connection)
        self._idle.clear()

    def _send(
        self, connection: Connection, answer: Answer, head: bytes, body: bytes | memoryview
    ) -> None:
        if len(body) > JOINED:
            connection.begin(answer, head, body)
        elif len(self._all) - len(self._idle) <= CROWD:
            connection.begin(answer, head + body)
        else:
            connection.begin(answer)
            if not self._leaving:
                asyncio.get_running_loop().call_soon(self._let_leave)
            self._leaving.append((connection, head + body))

    def _let_leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        for connection, request in leaving:
            connection.write(request)

    def _kept(self) -> Connection | None:
        """One that was used before."""
        while self._idle:
            connection = self._idle.pop()  # the one used last: the others may grow old
            if not connection.ended:
                return connection
            self._all.discard(connection)
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(CONNECT_TIMEOUT_S):
                if self._path:
                    _, made = await loop.create_unix_connection(Connection, self._path)
                else:
                    _, made = await loop.create_connection(Connection, *self._address)
        except TimeoutError:
            raise UpstreamError(f"no connection within {CONNECT_TIMEOUT_S:g} s") from None
        except OSError as error:
            kind = NoRoom if error.errno in LACKS else UpstreamError
            raise kind(f"no connection: {error.strerror or error}") from error
        self._all.add(made)
        return made

    def _discard(self, connection: Connection) -> None:
        self._all.discard(connection)
        connection.close()

    def _drop_idle(self) -> None:
        while self._idle:
            self._discard(self._idle.pop())

    def _arm(self) -> None:
        rest = self._idle[0].idle_since + KEEPALIVE_S - time.monotonic()
        self._sweep = asyncio.get_running_loop().call_later(rest, self._sweep_idle)

    def _sweep_idle(self) -> None:
        """Close what has been idle for too long. No timer is left once nothing is."""
        limit = time.monotonic() - KEEPALIVE_S
        while self._idle and (self._idle[0].ended or self._idle[0].idle_since <= limit):
            self._discard(self._idle.popleft())
        self._sweep = None
        if self._idle:
            self._arm()


def request_head(method: str, target: bytes, headers: Headers) -> bytes:
    """The head of a request as bytes.

    Raises `UpstreamError` where a line of it would become two, or a word two words.
    """
    first = b"%b %b HTTP/1.1" % (method.encode(), target)
    lines = [first, *map(_line, headers), b"", b""]
    head = b"\r\n".join(lines)
    if len(head.splitlines()) != len(lines) - 1 or len(first.split(b" ")) != 3:
        raise UpstreamError("cannot be sent: a line break or a space where none may be")
    return head
