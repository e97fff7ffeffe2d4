"""A WebSocket to a model server: a small RFC 6455 client on anyio streams, without extensions."""

from __future__ import annotations

import base64
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from ..errors import UpstreamError
from ..websocket_frames import (
    NO_STATUS,
    FrameParser,
    MessageJoiner,
    Opcode,
    ProtocolError,
    accept_key,
    closing,
    encode,
)

HANDSHAKE_S = 10.0
CLOSING_S = 2.0
MAX_HEAD = 65536
MAX_MESSAGE = 64 * 2**20
ABNORMAL = 1006
OWN_HEADERS = {b"host", b"connection", b"upgrade", b"content-length", b"transfer-encoding"}
BROKEN = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Closed(Exception):
    """The connection is over; `code` 1006 says that no close frame came."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"closed with {code} {reason}".rstrip())


class Refusal(UpstreamError):
    """The server answered the handshake with another status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the server answered {status} to the WebSocket handshake")


@asynccontextmanager
async def connect(
    url: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    subprotocols: Sequence[str] = (),
) -> AsyncIterator[WebSocket]:
    """Open a WebSocket to `target` below the model server's `url`; closed when the block ends.

    `headers` go along, but for those of the connection and of WebSocket itself. Raises
    `UpstreamError` if there is no connection, `Refusal` if the server does not want it.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        with anyio.fail_after(HANDSHAKE_S):
            stream = await _dial(host, parts.port or (443 if secure else 80), secure)
            try:
                socket = await _shake_hands(
                    stream,
                    parts.netloc.rpartition("@")[2].encode(),
                    parts.path.rstrip("/").encode() + target,
                    headers,
                    subprotocols,
                )
            except BaseException:
                await anyio.aclose_forcefully(stream)
                raise
    except (*BROKEN, TimeoutError) as error:
        raise UpstreamError(f"no WebSocket to {url}: {error or type(error).__name__}") from error
    try:
        yield socket
    finally:
        with anyio.CancelScope(shield=True):
            await socket.close()


class WebSocket:
    """An open WebSocket. One task may receive while another sends."""

    def __init__(self, stream: ByteStream, subprotocol: str, early: bytes) -> None:
        self.subprotocol = subprotocol
        """The one that the server chose; empty if none."""
        self._stream = stream
        self._parser = FrameParser(MAX_MESSAGE, masked=False)
        self._joiner = MessageJoiner(MAX_MESSAGE)
        self._messages: deque[str | bytes] = deque()
        self._early = early
        self._sending = anyio.Lock()
        self._close_sent = False
        self._closed: Closed | None = None

    async def receive(self) -> str | bytes:
        """The next message. Raises `Closed` when the server closed it or it broke."""
        while not self._messages:
            if self._closed:
                raise self._closed
            await self._read()
        return self._messages.popleft()

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message. Raises `Closed`."""
        if self._closed:
            raise self._closed
        if isinstance(message, str):
            await self._write(Opcode.TEXT, message.encode())
        else:
            await self._write(Opcode.BINARY, message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, with the server's consent if that comes soon. May be called again."""
        try:
            with anyio.move_on_after(CLOSING_S):
                await self._say_close(code, reason)
                while not self._closed:
                    await self._read()
        except Closed:
            pass
        finally:
            await anyio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        """Take in some bytes and do what they say."""
        data, self._early = self._early, b""
        try:
            data = data or await self._stream.receive()
        except BROKEN:
            self._closed = self._closed or Closed(ABNORMAL)
            return
        try:
            for frame in self._parser.feed(data):
                if frame.opcode is Opcode.PING:
                    await self._write(Opcode.PONG, frame.payload)
                elif frame.opcode is Opcode.CLOSE:
                    self._closed = Closed(*closing(frame.payload))
                    await self._say_close(self._closed.code, "")
                elif frame.opcode is Opcode.PONG:
                    continue
                elif (message := self._joiner.add(frame)) is not None:
                    self._messages.append(message)
        except ProtocolError as error:
            await self._say_close(error.code, str(error))
            self._closed = Closed(error.code, str(error))

    async def _say_close(self, code: int, reason: str) -> None:
        if not self._close_sent:
            self._close_sent = True
            told = b"" if code in (NO_STATUS, ABNORMAL) else code.to_bytes(2, "big")
            await self._write(Opcode.CLOSE, told and told + reason.encode()[:123])

    async def _write(self, opcode: Opcode, payload: bytes) -> None:
        async with self._sending:
            try:
                await self._stream.send(encode(opcode, payload, masked=True))
            except BROKEN:
                self._closed = self._closed or Closed(ABNORMAL)
                raise self._closed from None


async def _dial(host: str, port: int, secure: bool) -> ByteStream:
    if secure:
        return await anyio.connect_tcp(host, port, ssl_context=ssl.create_default_context())
    return await anyio.connect_tcp(host, port)


async def _shake_hands(
    stream: ByteStream,
    host: bytes,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    subprotocols: Sequence[str],
) -> WebSocket:
    key = base64.b64encode(os.urandom(16))
    lines = [b"GET " + target + b" HTTP/1.1", b"host: " + host, b"upgrade: websocket"]
    lines += [b"connection: Upgrade", b"sec-websocket-version: 13", b"sec-websocket-key: " + key]
    if subprotocols:
        lines.append(b"sec-websocket-protocol: " + ", ".join(subprotocols).encode())
    for name, value in headers:
        lower = name.lower()
        if lower not in OWN_HEADERS and not lower.startswith(b"sec-websocket-"):
            lines.append(name + b": " + value)
    await stream.send(b"\r\n".join(lines) + b"\r\n\r\n")

    answer = BufferedByteReceiveStream(stream)
    try:
        head = await answer.receive_until(b"\r\n\r\n", MAX_HEAD)
    except (anyio.DelimiterNotFound, anyio.IncompleteRead) as error:
        raise UpstreamError("no whole answer to the WebSocket handshake") from error
    status, fields = _parse_head(head)
    if status != 101:
        raise Refusal(status)
    if fields.get(b"sec-websocket-accept") != accept_key(key):
        raise UpstreamError("the server's WebSocket handshake does not answer ours")
    chosen = fields.get(b"sec-websocket-protocol", b"").decode("latin-1")
    if chosen and chosen not in subprotocols:
        raise UpstreamError("the server chose a WebSocket subprotocol that was not offered")
    return WebSocket(stream, chosen, answer.buffer)


def _parse_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *rest = head.split(b"\r\n")
    try:
        status = int(first.split(b" ", 2)[1])
    except (IndexError, ValueError):
        raise UpstreamError("the server does not speak HTTP") from None
    fields = {}
    for line in rest:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    return status, fields
