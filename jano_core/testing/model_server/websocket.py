"""A WebSocket echo (RFC 6455): every message comes back as it was.

The text `close CODE REASON` makes the server close with that code.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct

from .http import Request

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


async def echo(
    request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the upgrade and echo until either side closes; the connection is used up then."""
    writer.write(_handshake(request))
    kind, message = 0, b""
    while True:
        final, opcode, payload = await _receive(reader)
        if opcode == _PING:
            writer.write(_frame(_PONG, payload))
        elif opcode == _CLOSE:
            writer.write(_frame(_CLOSE, payload))
            break
        elif opcode != _PONG:
            kind, message = opcode or kind, message + payload
            if final:
                if kind == _TEXT and message.startswith(b"close "):
                    code, _, reason = message[6:].partition(b" ")
                    writer.write(_frame(_CLOSE, struct.pack("!H", int(code)) + reason))
                    break
                writer.write(_frame(kind, message))
                message = b""
        await writer.drain()
    writer.close()


def _handshake(request: Request) -> bytes:
    key = request.header("sec-websocket-key").encode()
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "upgrade: websocket",
        "connection: Upgrade",
        f"sec-websocket-accept: {accept}",
    ]
    if offered := request.header("sec-websocket-protocol"):
        lines.append(f"sec-websocket-protocol: {offered.split(',')[0].strip()}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _receive(reader: asyncio.StreamReader) -> tuple[bool, int, bytes]:
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    mask = await reader.readexactly(4) if second & 0x80 else b"\0\0\0\0"
    masked = await reader.readexactly(length)
    # One big integer xor is a hundred times faster than a loop over the bytes.
    pattern = (mask * (length // 4 + 1))[:length]
    plain = int.from_bytes(masked, "big") ^ int.from_bytes(pattern, "big")
    return bool(first & 0x80), first & 0x0F, plain.to_bytes(length, "big")


def _frame(opcode: int, payload: bytes) -> bytes:
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload
