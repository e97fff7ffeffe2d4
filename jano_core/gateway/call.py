"""One call of a client: what came in, in the shape that the gateway works with."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
OnHangup = Callable[[Callable[[], None] | None], None]
Fill = Callable[[memoryview], Awaitable[bool]]
Arrived = Callable[[], bytes | None]


class Full(Protocol):
    """The client is slower than what is sent to it, or the server has to be waited for."""

    async def wait(self) -> object:
        """Returns when the next message may be sent."""
        ...


Put = Callable[[Message], Full | None]

PUT = "jano.put"
"""An extension of ASGI that Jano's own server offers: `send` that does not wait. What it returns is
to be waited for before the next message; None: nothing is.
"""
JOINED = "jano.joined"
"""In the message that begins an answer: True says that the first piece of the body follows before
anything else happens. Jano's own server then makes no preparations to send the head alone.
"""
CHUNKS = "jano.chunks"
"""In a message of the body: the chunks that it came in, where there are several. Jano's own server
sends each as one.
"""
HANGUP = "jano.hangup"
"""An extension of ASGI that Jano's own server offers. It takes what is to be called when the client
goes before it has its whole answer, or None to take that back.
"""
ARRIVED = "jano.arrived"
"""An extension of ASGI that Jano's own server offers instead of `receive`. It gives the whole body
where that has come already, in one piece, and then it has been received; else None.
"""
FILL = "jano.fill"
"""An extension of ASGI that Jano's own server offers instead of `receive`. It takes room for a body
of announced length, and returns when the body is there, or False when the client has gone before.
"""


class ClientGone(Exception):
    """The client hung up before it could be answered; there is nobody to tell."""


class Call:
    """An HTTP request or a WebSocket as ASGI brings it, and the way back."""

    answered = False
    """A head has gone out."""
    cors: Sequence[tuple[bytes, bytes]] = ()
    """Headers for a page of another origin; but for `vary` they replace a model server's own."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.receive = receive
        self._scope = scope
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self.headers: RawHeaders = scope["headers"]
        """In order, with lower-case names, as ASGI has them."""
        self.fields: dict[bytes, bytes] = dict(self.headers)
        """Headers by lower-case name; of a repeated one, the last."""
        self.peer: str = (scope.get("client") or ("",))[0]
        """The client's address; empty on a unix socket."""
        extensions = scope.get("extensions")
        self.on_hangup: OnHangup | None = extensions.get(HANGUP) if extensions else None
        """Where the server offers it: has a call made, at once, when the client hangs up."""
        self._put: Put | None = extensions.get(PUT) if extensions else None
        self.arrived: Arrived | None = extensions.get(ARRIVED) if extensions else None
        """Where the server offers it: gives a body that need not be waited for."""
        self._send = send

    @property
    def fill(self) -> Fill | None:
        """Where the server offers it: has the whole body put where it is wanted."""
        return (self._scope.get("extensions") or {}).get(FILL)

    @property
    def raw_path(self) -> bytes:
        """The path as it came."""
        return self._scope.get("raw_path") or self.path.encode()

    @property
    def query(self) -> bytes:
        """What follows the path's question mark, as it came."""
        return self._scope.get("query_string", b"")

    @property
    def subprotocols(self) -> Sequence[str]:
        """What a WebSocket's client offers."""
        return self._scope.get("subprotocols") or ()

    def field(self, name: bytes) -> str:
        """A header's value as text, empty where it is absent."""
        value = self.fields.get(name)
        return value.decode("latin-1") if value else ""

    def parameter(self, name: str) -> str:
        """A query parameter's first value, empty where it is absent."""
        return self.parameters().get(name, [""])[0]

    def parameters(self) -> dict[str, list[str]]:
        """Every query parameter with its values; `?name` alone has one empty value."""
        return parse_qs(self.query.decode("latin-1"), keep_blank_values=True)

    def through(self, send: Send, headers: RawHeaders) -> Call:
        """The same call with other headers; what is sent in answer to it goes through `send`."""
        other = copy.copy(self)
        other.headers, other.fields = headers, dict(headers)
        other.cors = ()
        other._send, other._put = send, None
        return other

    def putter(self) -> Put:
        """What sends as `send` does, but returns what to wait for; for someone who answers
        whatever happens.
        """
        self.answered = True
        if self.cors or self.method == "HEAD":
            return partial(Sending, self.send)
        return self._put or partial(Sending, self._send)

    def send(self, message: Message) -> Awaitable[None]:
        """Send an ASGI message; an answer to HEAD loses its body here."""
        if message["type"] == "http.response.start":
            self.answered = True
            if self.cors:
                # A `vary` of the server's stays true beside Jano's own.
                ours = {name for name, _ in self.cors if name != b"vary"}
                kept = [pair for pair in message["headers"] if pair[0] not in ours]
                message = {**message, "headers": [*kept, *self.cors]}
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        return self._send(message)


class Sending:
    """A message on its way through a `send` that has to be waited for; a `Full`."""

    def __init__(self, send: Send, message: Message) -> None:
        self._send = send
        self._message = message

    async def wait(self) -> None:
        """Send it, chunk by chunk."""
        message = self._message
        chunks = message.get(CHUNKS, ())
        for chunk in chunks[:-1]:
            await self._send({**message, "body": chunk, "more_body": True})
        await self._send({**message, "body": chunks[-1]} if chunks else message)


def join_target(raw_path: bytes, query: bytes) -> bytes:
    """Path and query as one request target."""
    return raw_path + b"?" + query if query else raw_path
