"""RFC 6455 frames, client side, as pure functions of bytes: no I/O here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

from ..errors import UpstreamError


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


class ProtocolError(UpstreamError):
    """The server broke the protocol; `code` is the close code to tell it."""

    def __init__(self, message: str, code: int = 1002) -> None:
        self.code = code
        super().__init__(message)


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """One whole masked frame, as a client must send it."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 2**16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    # One big XOR: a loop over bytes would take a second for every few megabytes.
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


class FrameParser:
    """Cuts received bytes into frames. Raises `ProtocolError`."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
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
            raise ProtocolError("the server used an extension that was not agreed")
        if second & 0x80:
            raise ProtocolError("the server masked a frame")
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
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        del buffer[: start + size]
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
