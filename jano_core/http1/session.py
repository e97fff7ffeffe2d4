"""One WebSocket: the request for it, and its messages, as ASGI has them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..websocket_frames import (
    NO_STATUS,
    Frame,
    FrameParser,
    MessageJoiner,
    Opcode,
    ProtocolError,
    accept_key,
    closing,
    encode,
)
from .asgi import Headers, Message, Scope
from .head import plain
from .request import PIECE_COST, Request
from .turn import Turn

if TYPE_CHECKING:
    from .asgi import Application
    from .connection import Connection

MAX_MESSAGE = 64 * 2**20
HIGH_WATER = 256 * 1024
"""Cost of messages that the application has not taken before the client is held back."""
CLOSING_S = 2.0
"""For the client to agree to a close."""
NORMAL, ABNORMAL, BROKEN = 1000, 1006, 1011
_HANDSHAKE = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"


class Session(Turn):
    """A turn that may become a WebSocket. Refused, it ends like any other, with an answer."""

    __slots__ = ("_asked", "_close_sent", "_closed", "_joiner", "_messages", "_parser", "_unread")

    def __init__(self, connection: Connection, request: Request) -> None:
        super().__init__(connection, request)
        request.keep_alive = False  # whatever comes behind it is not HTTP
        self._asked = False
        self._parser: FrameParser | None = None
        """There once the WebSocket is open."""
        self._joiner = MessageJoiner(MAX_MESSAGE)
        self._messages: deque[str | bytes] = deque()
        self._unread = 0
        self._close_sent = False
        self._closed: tuple[int, str] | None = None
        """Code and reason, once either side has closed it."""

    async def run(self, application: Application) -> None:
        """Serve it; what is no WebSocket handshake does not get as far as the application."""
        if wrong := _wrong(self.request):
            self.begun = self.complete = True
            if not self._gone:
                self._connection.write(wrong)
                self._connection.replied(self)
            self._connection.listener.finish(self)
        else:
            await super().run(application)

    def scope(self) -> Scope:
        """What the application is told of the request."""
        scope = super().scope()
        del scope["method"]
        offered = b",".join(v for n, v in self.request.headers if n == b"sec-websocket-protocol")
        names = (name.strip() for name in offered.decode("latin-1").split(","))
        scope["type"], scope["scheme"] = "websocket", "ws"
        scope["subprotocols"] = [name for name in names if name]
        scope["extensions"] = {"websocket.http.response": {}}
        return scope

    async def receive(self) -> Message:
        """ASGI's `receive`: the request, messages, the end."""
        if not self._asked:
            self._asked = True
            return {"type": "websocket.connect"}
        while not self._messages and self._closed is None:
            await self._something()
        if self._messages:
            message = self._messages.popleft()
            self._unread -= len(message) + PIECE_COST
            if self._unread < HIGH_WATER and not self._gone:
                self._connection.let_go()
            kind = "text" if isinstance(message, str) else "bytes"
            return {"type": "websocket.receive", kind: message}
        assert self._closed is not None
        code, reason = self._closed
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def send(self, message: Message) -> None:
        """ASGI's `send`; waits only for a client that is slower than what is sent to it."""
        kind = message["type"]
        if kind.startswith("websocket.http.response."):
            await super().send({**message, "type": kind.removeprefix("websocket.")})
            return
        if self._gone:
            return
        if self._parser is None:
            await self._answer(message)
        elif kind == "websocket.send":
            self._send(message)
        elif kind == "websocket.close":
            self._close(message.get("code", NORMAL), message.get("reason") or "")
        else:
            raise RuntimeError(f"cannot send {kind}")
        if (full := self._connection.full) is not None:
            await full.wait()

    def end(self, failed: bool) -> None:
        """The application has ended: so does an open WebSocket."""
        if self._parser is None:
            super().end(failed)
        else:
            self._close(BROKEN if failed else NORMAL, "")

    def hang_up(self) -> None:
        """The client is gone."""
        self._closed = self._closed or (ABNORMAL, "")
        super().hang_up()

    # -- the handshake

    async def _answer(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accept(message.get("subprotocol"), message.get("headers", ()))
        elif kind == "websocket.close":
            await super().send({"type": "http.response.start", "status": 403, "headers": []})
            await super().send({"type": "http.response.body", "body": b""})
        else:
            raise RuntimeError(f"cannot send {kind} before the WebSocket is accepted")

    def _accept(self, subprotocol: str | None, headers: Headers) -> None:
        key = dict(self.request.headers)[b"sec-websocket-key"]
        lines = [(b"sec-websocket-accept", accept_key(key)), *headers]
        if subprotocol:
            lines.append((b"sec-websocket-protocol", subprotocol.encode()))
        text = _HANDSHAKE + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
        if text.count(b"\n") != len(lines) + 4:
            raise ValueError("a line break in a header")
        self._connection.write(text)
        self._parser = FrameParser(MAX_MESSAGE, masked=True)
        self._connection.go_aside(self._feed)

    # -- messages

    def _send(self, message: Message) -> None:
        if self._close_sent:
            return
        text = message.get("text")
        if text is not None:
            self._frame(Opcode.TEXT, text.encode())
        else:
            self._frame(Opcode.BINARY, message["bytes"])

    def _feed(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            for frame in self._parser.feed(data):
                self._take(frame)
        except ProtocolError as error:
            self._close(error.code, str(error))
            self._connection.close()
        self.tell()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            # A client that does not read gets no pongs: they would pile up here.
            if self._connection.full is None and not self._close_sent:
                self._frame(Opcode.PONG, frame.payload)
        elif frame.opcode is Opcode.CLOSE:
            code, reason = closing(frame.payload)
            self._closed = self._closed or (code, reason)
            self._say_close(code, "")
            self._connection.close()
        elif frame.opcode is not Opcode.PONG:
            message = self._joiner.add(frame)
            if message is not None and self._closed is None:
                self._messages.append(message)
                self._unread += len(message) + PIECE_COST
                if self._unread > HIGH_WATER:
                    self._connection.hold()

    def _close(self, code: int, reason: str) -> None:
        """Close it from this side, and give the client a moment to agree."""
        if self._closed is None:
            self._closed = (code, reason)
            self._say_close(code, reason)
            self._messages.clear()
            self._connection.let_go()
            self._connection.expect(CLOSING_S)
            self.tell()

    def _say_close(self, code: int, reason: str) -> None:
        if not self._close_sent:
            payload = b"" if code == NO_STATUS else code.to_bytes(2, "big") + reason.encode()[:123]
            self._frame(Opcode.CLOSE, payload)
            self._close_sent = True

    def _frame(self, opcode: Opcode, payload: bytes) -> None:
        self._connection.write(encode(opcode, payload, masked=False))


def _wrong(request: Request) -> bytes:
    """The answer to what is no handshake; empty where it is one."""
    fields = dict(request.headers)
    if fields.get(b"sec-websocket-version") != b"13":
        return plain(426, "WebSockets of version 13 only", [(b"sec-websocket-version", b"13")])
    key = fields.get(b"sec-websocket-key", b"")
    body = fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields
    if request.method != "GET" or len(key) != 24 or body:
        return plain(400, "this is no WebSocket handshake")
    return b""
