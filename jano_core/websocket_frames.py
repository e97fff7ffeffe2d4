"""RFC 6455 frames, of clients and of servers, as pure functions of bytes: no I/O here."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

from .errors import JanoError

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

NO_STATUS = 1005
"""The code of a close that has none; never sent."""


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Frame(Struct, frozen=True):
    """One frame; `final` ends a message."""

    opcode: Opcode
    payload: bytes
    final: bool = True


class ProtocolError(JanoError):
    """The other side broke the protocol; `code` is the close code to tell it."""

    def __init__(self, message: str, code: int = 1002) -> None:
        self.code = code
        super().__init__(message)


def accept_key(key: bytes) -> bytes:
    """What the server answers to a client's `sec-websocket-key`."""
    return base64.b64encode(hashlib.sha1(key + _MAGIC).digest())


def closing(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame. Raises `ProtocolError`."""
    if not payload:
        return NO_STATUS, ""
    code = int.from_bytes(payload[:2], "big")
    known = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    if len(payload) == 1 or not known:
        raise ProtocolError("a close frame without a valid code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolError("the reason of a close is not UTF-8", 1007) from None


def encode(opcode: Opcode, payload: bytes, *, masked: bool) -> bytes:
    """One whole frame: masked, as a client must send it, or not, as a server must."""
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 2**16:
        head = bytes((0x80 | opcode, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    # One big XOR: a loop over bytes would take a second for every few megabytes.
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


class FrameParser:
    """Cuts received bytes into frames. Raises `ProtocolError`."""

    def __init__(self, max_size: int, *, masked: bool) -> None:
        """`masked`: they come from a client, and must be."""
        self._max_size = max_size
        self._masked = masked
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes as they come; yields the frames that are complete."""
        self._buffer += data
        while frame := self._next():
            yield frame

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        if first & 0x70:
            raise ProtocolError("an extension that was not agreed")
        if bool(second & 0x80) != self._masked:
            raise ProtocolError("only what a client sends is masked, and all of it")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise ProtocolError(f"unknown opcode {first & 0x0F}") from None
        final, size, start = bool(first & 0x80), second & 0x7F, 2
        if opcode >= Opcode.CLOSE and (size > 125 or not final):
            raise ProtocolError("a control frame is too long or in pieces")
        if size > 125:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if size > self._max_size:
            raise ProtocolError(f"a frame is longer than {self._max_size} bytes", 1009)
        end = start + 4 * self._masked + size
        if len(buffer) < end:
            return None
        payload = bytes(buffer[end - size : end])
        if self._masked:
            payload = _masked(payload, bytes(buffer[start : start + 4]))
        del buffer[:end]
        return Frame(opcode, payload, final)


class MessageJoiner:
    """Joins the frames of a message. Raises `ProtocolError`."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._opcode: Opcode | None = None
        self._parts = bytearray()

    def add(self, frame: Frame) -> str | bytes | None:
        """Take a data frame; the message if it is complete with it."""
        if (frame.opcode is Opcode.CONTINUATION) == (self._opcode is None):
            raise ProtocolError("frames of two messages are mixed")
        if self._opcode is None:
            self._opcode = frame.opcode
        self._parts += frame.payload
        if len(self._parts) > self._max_size:
            raise ProtocolError(f"a message is longer than {self._max_size} bytes", 1009)
        if not frame.final:
            return None
        whole, self._parts = bytes(self._parts), bytearray()
        opcode, self._opcode = self._opcode, None
        if opcode is Opcode.BINARY:
            return whole
        try:
            return whole.decode()
        except UnicodeDecodeError:
            raise ProtocolError("a text message is not UTF-8", 1007) from None
