"""A connection without a network: what is written to it, and what the application does."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from jano_core.http1.asgi import Application, Message, Receive, Scope, Send
from jano_core.http1.connection import Connection
from jano_core.http1.listener import Listener

DATE = rb"date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def post(body: bytes, path: bytes = b"/", *headers: bytes) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"host: x", b"content-length: %d" % len(body)]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body


class FakeTransport(asyncio.Transport):
    """Takes everything, until it is told that the client is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.BaseProtocol | None = None
        self.writes: list[bytes] = []
        self.reading = True
        self.ended = ""
        """`closed`, `aborted`, or nothing yet."""
        self.said_eof = False
        self.unsent = 0

    @property
    def out(self) -> bytes:
        """Everything written, without what differs from second to second."""
        return re.sub(DATE, b"", b"".join(self.writes))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("10.0.0.1", 5) if name == "peername" else default

    def write(self, data: Any) -> None:
        assert not self.ended
        self.writes.append(bytes(data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.ended)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.said_eof = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"


class Rig:
    """A listener with one connection."""

    def __init__(self, application: Application) -> None:
        self.listener = Listener(socket.socket(), application)
        self.listener.loop = asyncio.get_running_loop()
        self.transport = FakeTransport()
        self.connection = Connection(self.listener)
        self.transport.set_protocol(self.connection)
        self.connection.connection_made(self.transport)

    async def feed(self, *pieces: bytes) -> bytes:
        """What is answered to these pieces."""
        before = len(self.transport.out)
        for piece in pieces:
            self.say(piece)
            await steps(1)
        await steps()
        return self.transport.out[before:]

    def say(self, data: bytes) -> None:
        """Have it taken by whoever takes it, as a loop does."""
        while data:
            protocol = self.transport.protocol
            if isinstance(protocol, asyncio.BufferedProtocol):
                place = memoryview(protocol.get_buffer(-1))
                size = min(len(place), len(data))
                place[:size] = data[:size]
                protocol.buffer_updated(size)
            else:
                assert isinstance(protocol, asyncio.Protocol)
                size = len(data)
                protocol.data_received(data)
            data = data[size:]

    async def hang_up(self) -> None:
        assert self.transport.protocol is not None
        self.transport.protocol.connection_lost(None)
        await steps()


async def steps(count: int = 5) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            return body
    raise ConnectionError("the client is gone")


def length_of(scope: Scope) -> int:
    """The announced length of the body."""
    return int(dict(scope["headers"]).get(b"content-length", b"0"))


async def filling(scope: Scope, receive: Receive, send: Send) -> None:
    """As `echo`, but the body is put where this says."""
    text = bytearray(length_of(scope))
    with memoryview(text) as place:
        assert await scope["extensions"]["jano.fill"](place)
    text[:0] = b"%b %b " % (scope["method"].encode(), scope["raw_path"])  # nobody else holds it
    await whole(send, bytes(text))


async def head(send: Send, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def body(send: Send, chunk: bytes = b"", *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": more})


async def whole(send: Send, text: bytes, status: int = 200, *, joined: bool = False) -> None:
    headers = [(b"content-length", b"%d" % len(text))]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await send({**start, "jano.joined": True} if joined else start)
    await body(send, text)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with method, path and body."""
    await whole(
        send, b"%b %b " % (scope["method"].encode(), scope["raw_path"]) + await body_of(receive)
    )


class Held:
    """An application that does what a test tells it to, while the test looks on."""

    def __init__(self) -> None:
        self.calls: list[Held] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Held()
        call.scope, call.receive, call.send = scope, receive, send
        call.over = asyncio.Event()
        self.calls.append(call)
        await call.over.wait()

    scope: Scope
    receive: Callable[[], Awaitable[Message]]
    send: Send
    over: asyncio.Event
