"""Mirrors for tests of byte-exactness: what arrived goes back as it was."""

from __future__ import annotations

import asyncio
import hashlib

from .engine import Engine
from .http import Reply, Request


async def echo(engine: Engine, request: Request, reply: Reply) -> None:
    """`ANY /echo…`: the same body, content type and encoding.

    Query: `status=` of the answer; `chunks=N` sends the body in N chunks, a turn of the event
    loop between them. Two `set-cookie` headers show whether repeated headers survive.
    """
    status = int(request.query.get("status", 200))
    kind = request.header("content-type") or "application/octet-stream"
    headers = [("set-cookie", "first=1"), ("set-cookie", "second=2")]
    if encoding := request.header("content-encoding"):
        headers.append(("content-encoding", encoding))
    if "chunks" not in request.query:
        await reply.send(status, request.body, kind, headers)
        return
    size = max(1, -(-len(request.body) // int(request.query["chunks"])))
    reply.begin(status, kind, headers)
    for start in range(0, len(request.body), size):
        await reply.write(request.body[start : start + size])
        await asyncio.sleep(0.01)
    await reply.write(b"")


async def described(engine: Engine, request: Request, reply: Reply) -> None:
    """`ANY /request…`: what arrived, as JSON: method, target, headers in order, body's digest."""
    await reply.send(200, {
        "server": engine.options.name,
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "length": len(request.body),
        "sha256": hashlib.sha256(request.body).hexdigest(),
    })  # fmt: skip
