"""A server of scripted bytes, to see exactly what goes over the wire and when it is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream

Handler = Callable[["Connection"], Awaitable[None]]


class Connection:
    """One client, seen by the server."""

    def __init__(self, stream: SocketStream, number: int) -> None:
        self.stream = stream
        self.number = number
        self._rest = b""

    async def request(self) -> bytes:
        """Head of the next request, and its body where it has a content-length."""
        while b"\r\n\r\n" not in self._rest:
            self._rest += await self.stream.receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(self._rest) < size:
            self._rest += await self.stream.receive()
        body, self._rest = self._rest[:size], self._rest[size:]
        return head + b"\r\n\r\n" + body

    async def answer(self, body: bytes, *headers: bytes) -> None:
        head = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *headers]
        await self.stream.send(b"\r\n".join(head) + b"\r\n\r\n" + body)

    async def until_closed(self) -> None:
        try:
            while True:
                await self.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The url of a server whose connections are `handler`'s, one call each."""
    count = 0

    async def handle(stream: SocketStream) -> None:
        nonlocal count
        count += 1
        async with stream:
            try:
                await handler(Connection(stream, count))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()
