"""Audio and images: small, fixed bytes in the right envelopes."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from .engine import Engine
from .http import Reply, Request


async def transcriptions(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/audio/transcriptions`: multipart in, text out; says how large the form was."""
    async with engine.work(request, {"model": _form_field(request, "model")}) as work:
        text = await engine.whole(work)
        await reply.send(200, {"text": text, "received_bytes": len(request.body)})


async def speech(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/audio/speech`: a WAV of silence, as long as the answer has tokens, chunk by chunk."""
    body = request.json()
    async with engine.work(request, body) as work:
        sound = b"\0\0" * 80
        reply.begin(200, "audio/wav")
        await reply.write(_wav_head(len(sound) * work.tokens))
        async for _ in engine.tokens(work, streamed=True):
            await reply.write(sound)
        await reply.write(b"")


async def voices(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/audio/voices`."""
    await reply.send(200, {"voices": [{"id": "janus", "name": engine.options.name}]})


async def images(engine: Engine, request: Request, reply: Reply) -> None:
    """`/v1/images/generations` (JSON) and `/v1/images/edits` (multipart)."""
    multipart = request.header("content-type").startswith("multipart/")
    body = {"model": _form_field(request, "model")} if multipart else request.json()
    async with engine.work(request, body) as work:
        await engine.whole(work)
        await reply.send(200, {"created": 0, "data": [{"b64_json": _picture()}]})


async def sdapi(engine: Engine, request: Request, reply: Reply) -> None:
    """`/sdapi/v1/txt2img` and `img2img`."""
    body = request.json()
    async with engine.work(request, body) as work:
        await engine.whole(work)
        await reply.send(200, {"images": [_picture()], "parameters": body, "info": "{}"})


async def loras(engine: Engine, request: Request, reply: Reply) -> None:
    """`/sdapi/v1/loras`."""
    await reply.send(200, [])


def _form_field(request: Request, name: str) -> str | None:
    _, found, rest = request.body.partition(f'name="{name}"\r\n\r\n'.encode())
    return rest.partition(b"\r\n")[0].decode("utf-8", "replace") if found else None


def _wav_head(length: int) -> bytes:
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + length)
        + b"WAVEfmt "
        + form
        + b"data"
        + struct.pack("<I", length)
    )


def _picture() -> str:
    """One grey pixel as base64 PNG."""

    def part(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack("!I", len(data)) + checked + struct.pack("!I", zlib.crc32(checked))

    header: Any = struct.pack("!IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header)
    png += part(b"IDAT", zlib.compress(b"\0\x80")) + part(b"IEND", b"")
    return base64.b64encode(png).decode()
