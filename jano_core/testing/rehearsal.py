"""The whole house in virtual time: the real router, its real gateway, and model servers that exist
only as numbers. An hour of requests is played in a moment, and the same way each time.

    async with rehearse(MODELS, VirtualServer(port=9001, load_s=20)) as house:
        answer = await house.client.post("/v1/chat/completions", {"model": "chat", ...})

To be run on trio with a `MockClock` that jumps.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import msgspec

from ..app import Jano
from ..config.load import load
from ..plugin.contracts import Launcher
from ..plugin.hookspecs import hookimpl
from ..plugin.registry import PluginInfo, Registry


class VirtualServer:
    """A model server that takes virtual time. Times in seconds, `rate` in tokens per second.

    `book` lists what happened to it: `start`, `ready`, `begin`, `end`, `cancelled`, `stop`, each
    with its time.
    """

    def __init__(
        self,
        port: int,
        *,
        load_s: float = 1.0,
        stop_s: float = 0.0,
        tokens: int = 5,
        rate: float = 10.0,
        fails_to_load: bool = False,
        silent_after: int | None = None,
    ) -> None:
        self.port = port
        self.load_s = load_s
        self.stop_s = stop_s
        self.tokens = tokens
        self.rate = rate
        self.fails_to_load = fails_to_load
        self.silent_after = silent_after
        self.book: list[tuple[float, str]] = []
        self.ready_at: float | None = None
        self.died = anyio.Event()

    def note(self, what: str) -> None:
        """Write in the book."""
        self.book.append((anyio.current_time(), what))

    def count(self, what: str) -> int:
        """How often it happened."""
        return sum(1 for _, each in self.book if each == what)

    def kill(self) -> None:
        """Die as by kill -9: every connection breaks."""
        self.ready_at = None
        self.note("killed")
        self.died.set()

    @property
    def answers(self) -> bool:
        """Is it ready now?"""
        return self.ready_at is not None and anyio.current_time() >= self.ready_at


class VirtualBox(httpx.AsyncBaseTransport):
    """The network between Jano and virtual servers."""

    def __init__(self, *servers: VirtualServer) -> None:
        self.servers = {server.port: server for server in servers}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        server = self.servers.get(request.url.port or 80)
        if server is None or server.ready_at is None:
            raise httpx.ConnectError("connection refused", request=request)
        body = await request.aread()
        if not server.answers:
            return httpx.Response(503, json={"error": {"message": "Loading model"}})
        if request.url.path == "/health":
            return httpx.Response(200, json={"status": "ok"})
        asked = msgspec.json.decode(body) if body else {}
        if isinstance(asked, dict) and asked.get("stream"):
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, stream=_Generation(server, True, body))
        headers = {"content-type": "application/json"}
        return httpx.Response(200, headers=headers, stream=_Generation(server, False, body))


class _Generation(httpx.AsyncByteStream):
    """An answer that takes its time, one token after the other."""

    def __init__(self, server: VirtualServer, streamed: bool, body: bytes) -> None:
        self._server = server
        self._streamed = streamed
        self._body = body
        self._done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        server = self._server
        server.note("begin")
        for token in range(server.tokens):
            if server.silent_after is not None and token >= server.silent_after:
                await anyio.sleep_forever()
            await self._pause(1 / server.rate)
            if self._streamed:
                delta = {"choices": [{"index": 0, "delta": {"content": f"w{token} "}}]}
                yield b"data: %s\n\n" % json.dumps(delta).encode()
        usage = {"prompt_tokens": len(self._body), "completion_tokens": server.tokens}
        self._done = True
        server.note("end")
        if self._streamed:
            yield b"data: %s\n\n" % json.dumps({"choices": [], "usage": usage}).encode()
            yield b"data: [DONE]\n\n"
        else:
            yield json.dumps({"choices": [{"message": {"content": "w"}}], "usage": usage}).encode()

    async def _pause(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._server.died.wait()
            raise httpx.ReadError("connection reset by peer")

    async def aclose(self) -> None:
        if not self._done:
            self._server.note("cancelled")
            self._done = True


def _launcher(box: VirtualBox) -> type[Launcher]:
    class VirtualLauncher(Launcher):
        """Starts and stops the virtual server that has the port of the model's URL."""

        name = "virtual"

        @property
        def _virtual(self) -> VirtualServer:
            return box.servers[httpx.URL(self.server.url).port or 80]

        async def start(self) -> None:
            server = self._virtual
            server.died = anyio.Event()
            server.note("start")
            if server.fails_to_load:
                server.ready_at = float("inf")
                await anyio.sleep(server.load_s)
                server.kill()
            else:
                server.ready_at = anyio.current_time() + server.load_s

        async def wait(self) -> str:
            await self._virtual.died.wait()
            return "exited with status 1"

        async def stop(self) -> None:
            await anyio.sleep(self._virtual.stop_s)
            self._virtual.ready_at = None
            self._virtual.died.set()
            self._virtual.note("stop")

    return VirtualLauncher


@asynccontextmanager
async def rehearse(
    config: str, *servers: VirtualServer, folder: Path, **more: Any
) -> AsyncIterator[Jano]:
    """A running house with this TOML configuration, whose models say `launch = "virtual"`.

    The configuration is written to `folder`; change it there and call `reload`.
    """
    tomllib.loads(config)
    source = folder / "jano.toml"
    source.write_text(config)
    box = VirtualBox(*servers)
    registry = Registry.discover(points=[])
    kinds = _launcher(box)
    plugin = ModuleType("rehearsal")
    plugin.jano_launchers = hookimpl(lambda: [kinds])  # type: ignore[attr-defined]
    info = PluginInfo(name="rehearsal", version="1", source="jano_core.testing")
    registry.add(info, lambda: plugin)
    read = partial(load, source, registry, {})
    async with Jano.open(read(), registry, reread=read, transport=box, **more) as jano:
        yield jano
