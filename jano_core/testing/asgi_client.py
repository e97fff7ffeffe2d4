"""An ASGI client in memory: chunks as they come, hanging up at will, on any anyio backend.

The application runs in a task of the client's own; messages meet without buffering, so that on a
virtual clock a test sees exactly what went out and when.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream

Message = MutableMapping[str, Any]
App = Callable[
    [Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
Headers = dict[str, str] | list[tuple[str, str]]

BUFFER = 1_000_000
"""Messages that the application may send ahead, like a socket's buffer."""


class Truncated(Exception):
    """The application ended without the end of its answer: a server would cut the connection."""


class Connection:
    """One call under way. `status` and `headers` are there once `head` has returned."""

    def __init__(
        self, to_app: ObjectSendStream[Message], from_app: ObjectReceiveStream[Message]
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """By lower-case name; of a repeated one, the last."""
        self._to_app = to_app
        self._from_app = from_app
        self._body_over = False

    async def send(self, chunk: bytes, *, more: bool = True) -> None:
        """Send a piece of the request's body."""
        await self._to_app.send({"type": "http.request", "body": chunk, "more_body": more})

    async def hang_up(self) -> None:
        """The client is gone."""
        await self._to_app.send({"type": "http.disconnect"})

    async def next(self) -> Message:
        """The next raw message of the application; raises `Truncated` when it has ended."""
        try:
            return await self._from_app.receive()
        except anyio.EndOfStream:
            raise Truncated from None

    async def head(self) -> int:
        """Wait for status and headers."""
        message = await self.next()
        assert message["type"] == "http.response.start", message
        assert all(type(part) is bytes for pair in message["headers"] for part in pair)
        self.status = message["status"]
        self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        return self.status

    async def chunk(self) -> bytes:
        """The next chunk of the body, empty at its end. Raises `Truncated`."""
        while not self._body_over:
            message = await self.next()
            assert message["type"] == "http.response.body" and type(message["body"]) is bytes, (
                message
            )
            self._body_over = not message.get("more_body", False)
            if message["body"]:
                return bytes(message["body"])
        return b""

    async def chunks(self) -> list[bytes]:
        """All chunks that are still to come."""
        found = []
        while chunk := await self.chunk():
            found.append(chunk)
        return found

    async def answer(self) -> bytes:
        """Head and whole body."""
        if not self.status:
            await self.head()
        return b"".join(await self.chunks())

    async def send_message(self, message: Message) -> None:
        """Send a raw message, for WebSockets."""
        await self._to_app.send(message)


class Client:
    """Calls `app`. `peer` is the address that it sees."""

    def __init__(self, app: App, *, peer: str = "127.0.0.1") -> None:
        self._app = app
        self._peer = peer

    @asynccontextmanager
    async def open(
        self, method: str, target: str, headers: Headers | None = None, body: bytes | None = b""
    ) -> AsyncIterator[Connection]:
        """A call under way. `body` None: it is sent with `Connection.send`. At the end of the
        block the client hangs up, and the application must come to its end.
        """
        scope = {"type": "http", "method": method, **self._scope(target, headers)}
        async with self._run(scope) as connection:
            if body is not None:
                await connection.send(body, more=False)
            yield connection

    @asynccontextmanager
    async def websocket(
        self, target: str, headers: Headers | None = None, subprotocols: tuple[str, ...] = ()
    ) -> AsyncIterator[Connection]:
        """A WebSocket under way; what it says is read with `Connection.next`."""
        scope = {"type": "websocket", "subprotocols": list(subprotocols)}
        async with self._run(scope | self._scope(target, headers)) as connection:
            await connection.send_message({"type": "websocket.connect"})
            yield connection

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: Headers | None = None
    ) -> tuple[Connection, bytes]:
        """A whole call: the connection with status and headers, and the body."""
        async with self.open(method, target, headers, body) as connection:
            return connection, await connection.answer()

    @asynccontextmanager
    async def _run(self, scope: dict[str, Any]) -> AsyncIterator[Connection]:
        to_app, app_receives = anyio.create_memory_object_stream[Message](BUFFER)
        app_sends, from_app = anyio.create_memory_object_stream[Message](BUFFER)
        gone = "websocket.disconnect" if scope["type"] == "websocket" else "http.disconnect"

        async def receive() -> Message:
            try:
                return await app_receives.receive()
            except anyio.EndOfStream:
                return {"type": gone, "code": 1005}

        async def run() -> None:
            with app_sends, app_receives:
                await self._app(scope, receive, app_sends.send)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with to_app, from_app:
                yield Connection(to_app, from_app)
                await to_app.aclose()
                async for _ in from_app:
                    pass

    def _scope(self, target: str, headers: Headers | None) -> dict[str, Any]:
        path, _, query = target.partition("?")
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or ())
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.insert(0, ("host", "127.0.0.1:8082"))
        return {
            "http_version": "1.1",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in pairs],
            "client": (self._peer, "40000"),
            "server": ("127.0.0.1", "8082"),
        }
