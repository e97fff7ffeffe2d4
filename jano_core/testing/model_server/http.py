"""As much HTTP/1.1 as the simulated server needs, with nothing between it and the socket.

A client that goes away is noticed when it happens: the task of its request is cancelled.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

_LIMIT = 1 << 20
_JSON = "application/json"


class Request:
    """One request, its body read whole. `target` and `headers` are as they came."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = b""
        path, _, query = target.partition("?")
        self.path = unquote_to_bytes(path).decode("utf-8", "replace")
        self.query = dict(parse_qsl(query, keep_blank_values=True))

    def header(self, name: str) -> str:
        """The first value of a header, empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises `ValueError` where it is none.

        One that is nested too deeply for Python's reader counts as empty: it is valid all the same.
        """
        try:
            document = json.loads(self.body)
        except RecursionError:
            document = {}
        if not isinstance(document, dict):
            raise ValueError("the body must be a JSON object")
        return document


class Reply:
    """The answer to one request: either `send` once, or `begin` and then `write` chunks."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.status = 0

    async def send(
        self,
        status: int,
        body: Any,
        kind: str = _JSON,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        """A whole answer; anything but bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._head(status, kind, [*(headers or []), ("content-length", str(len(data)))])
        self._writer.write(data)
        await self._writer.drain()

    def begin(self, status: int, kind: str, headers: list[tuple[str, str]] | None = None) -> None:
        """The head of a chunked answer."""
        self._head(status, kind, [*(headers or []), ("transfer-encoding", "chunked")])

    async def write(self, data: bytes) -> None:
        """One chunk, on the wire at once; an empty one ends the answer."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def event(self, data: Any, name: str = "") -> None:
        """One server-sent event as one chunk."""
        text = data if isinstance(data, str) else json.dumps(data)
        head = f"event: {name}\n" if name else ""
        await self.write(f"{head}data: {text}\n\n".encode())

    def _head(self, status: int, kind: str, headers: list[tuple[str, str]]) -> None:
        self.status = status
        lines = [
            f"HTTP/1.1 {status} {_phrase(status)}",
            "server: simulated",
            f"content-type: {kind}",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


Handler = Callable[[Request, Reply, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Connection(asyncio.StreamReaderProtocol):
    """One client's connection: its requests one after the other, cancelled when it goes away."""

    def __init__(self, handle: Handler) -> None:
        super().__init__(asyncio.StreamReader(limit=_LIMIT), self._serve)
        self._handle = handle
        self._working: asyncio.Task[None] | None = None

    def eof_received(self) -> bool | None:
        self._gone()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone()
        super().connection_lost(error)

    def _gone(self) -> None:
        if self._working is not None:
            self._working.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader, writer)) is not None:
                self._working = asyncio.current_task()
                await self._handle(request, Reply(writer), reader, writer)
                self._working = None
                if writer.is_closing() or request.header("connection").lower() == "close":
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client is gone, or the server stops: either way the connection is over.
        finally:
            self._working = None
            writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    request = Request(method, target, [(name, value.strip()) for name, _, value in pairs])
    if request.header("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in request.header("transfer-encoding").lower():
        request.body = await _read_chunks(reader)
    elif length := request.header("content-length"):
        request.body = await reader.readexactly(int(length))
    return request


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        continue
    return b"".join(parts)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
