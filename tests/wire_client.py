"""A plain HTTP/1.1 client that hides nothing: it can stop reading, hang up, or see a cut stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import ByteStream


class Answer(NamedTuple):
    """A whole answer. `whole` is False where the connection broke before its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request on its own connection, and what comes back."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            await self._stream.send(data)

    async def head(self) -> int:
        """Wait for the status and the headers."""
        while isinstance(event := await self._next(), h11.InformationalResponse):
            pass
        assert isinstance(event, h11.Response), event
        self.status = event.status_code
        self.headers = {name.decode().lower(): value.decode() for name, value in event.headers}
        return self.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; raises `h11.RemoteProtocolError` where it is cut short."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def answer(self) -> Answer:
        """All the rest."""
        await self.head()
        body, whole = b"", True
        try:
            async for chunk in self.chunks():
                body += chunk
        except (h11.RemoteProtocolError, anyio.BrokenResourceError):
            whole = False
        return Answer(self.status, self.headers, body, whole)

    async def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                self._http.receive_data(await self._stream.receive())
            except anyio.EndOfStream:
                self._http.receive_data(b"")
        return event


@asynccontextmanager
async def opened(
    url: str, method: str, path: str, headers: dict[str, str]
) -> AsyncIterator[Exchange]:
    """Send the head of a request and no more; leaving the block hangs up."""
    place = urlsplit(url)
    assert place.hostname and place.port
    given = {"host": place.netloc, "connection": "close"} | headers
    async with await anyio.connect_tcp(place.hostname, place.port) as stream:
        made = Exchange(stream)
        await made.send(h11.Request(method=method, target=path, headers=list(given.items())))
        yield made


@asynccontextmanager
async def exchange(
    url: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Exchange]:
    """Send a whole request, a POST where there is a body; leaving the block hangs up."""
    given = {} if body is None else {"content-type": "application/json"}
    given |= {"content-length": str(len(body or b""))} | (headers or {})
    async with opened(url, "GET" if body is None else "POST", path, given) as made:
        if body:
            await made.send(h11.Data(data=body))
        await made.send(h11.EndOfMessage())
        yield made


async def ask(
    url: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request, read to its end."""
    async with exchange(url, path, body, headers) as made:
        return await made.answer()


def chat(model: str, *, stream: bool = False, **members: Any) -> bytes:
    """The body of a chat request."""
    messages = [{"role": "user", "content": "Say something."}]
    return json.dumps({"model": model, "messages": messages, "stream": stream, **members}).encode()


def events(body: bytes) -> list[str]:
    """The `data:` lines of a server-sent stream, comments left out."""
    return [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]


async def until(condition: Any, what: str, seconds: float = 10) -> Any:
    """Wait until `condition()` is truthy and return it; fail with `what` after `seconds`."""
    with anyio.move_on_after(seconds):
        while not (value := condition()):  # noqa: ASYNC110 - the state of another process
            await anyio.sleep(0.02)
        return value
    raise AssertionError(f"not within {seconds} s: {what}")
