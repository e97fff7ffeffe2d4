"""Logs of the router and of the model servers, and the stream of everything that happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ObjectSendStream

from ..errors import Refused
from .errand import Errand

if TYPE_CHECKING:
    from ..runtime.log_buffer import LogBuffer

TEXT = "text/plain; charset=utf-8"
AT_ONCE = "\n"
"""Where there is no history: the HTTP server keeps a head back until some byte follows it, and the
next line of a quiet log may be hours away."""


async def history(errand: Errand) -> None:
    """`GET /logs`: what is kept of all logs; a browser is led to the dashboard."""
    if "text/html" in errand.call.field(b"accept"):
        await errand.redirect("/ui")
        return
    await errand.send_text("".join(each.history() for each in _buffers(errand)))


async def follow(errand: Errand) -> None:
    """`GET /logs/stream[/proxy|/upstream|/{model}][?no-history]`: what is kept, then what comes."""
    buffers = _buffers(errand)
    past = "no-history" not in errand.call.parameters()
    async with _joined(buffers) as live:
        history = "".join(each.history() for each in buffers) if past else ""
        await errand.send_stream(_text(history or AT_ONCE, live), TEXT)


async def events(errand: Errand) -> None:
    """`GET /api/events`: everything that happens, as server-sent events."""
    async with errand.house.feed.subscribe() as happening:
        await errand.send_stream(happening, "text/event-stream", b": jano\n\n")


def _buffers(errand: Errand) -> list[LogBuffer]:
    router, servers = errand.house.router_log, errand.house.dispatcher.crew.logs
    match errand.argument:
        case "":
            return [router, *servers.values()]
        case "proxy":
            return [router]
        case "upstream":
            return list(servers.values())
        case name:
            target = errand.house.catalog.find(name)
            if target is None or target.model not in servers:
                raise Refused("invalid_request", f"there is no log of {name!r}")
            return [servers[target.model]]


async def _text(history: str, live: AsyncIterator[str]) -> AsyncIterator[bytes]:
    yield history.encode()
    async for line in live:
        yield line.encode()


@asynccontextmanager
async def _joined(buffers: list[LogBuffer]) -> AsyncIterator[AsyncIterator[str]]:
    """What is written to any of them, as one stream."""
    async with AsyncExitStack() as readers:
        live = [await readers.enter_async_context(each.subscribe()) for each in buffers]
        funnel, joined = anyio.create_memory_object_stream[str]()
        async with joined, anyio.create_task_group() as pouring:
            with funnel:  # when none of them pours any more, it is over
                for each in live:
                    pouring.start_soon(_pour, each, funnel.clone())
            yield joined
            pouring.cancel_scope.cancel()


async def _pour(lines: AsyncIterator[str], into: ObjectSendStream[str]) -> None:
    async with into:
        async for line in lines:
            await into.send(line)
