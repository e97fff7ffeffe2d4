"""The whole house on a stage: real router, acted model servers, no sockets.

Everything between the ASGI call and the transport is Jano itself: gateway, dispatcher, scheduler,
supervisors. Only the model servers are played, by scripts that say what to answer and when. On
trio's jumping clock an hour of such a play takes a moment.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
from msgspec import Struct

from ..app import Jano
from ..config.load import Loaded, load
from ..plugin.registry import Registry
from .asgi_client import Client

FIRST_PORT = 9001


class Heard(Struct, frozen=True):
    """A request as it reached an actor: the raw target, headers in order, the whole body."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """A header's value, None where it is absent."""
        return next((value for found, value in self.headers if found.lower() == name), None)


class Says(Struct, frozen=True, kw_only=True):
    """What an actor answers: after `first` seconds the head, then the chunks, `every` seconds.

    `breaks`: afterwards the connection is lost; with `status` 0 it is lost instead of the head.
    `hangs`: after its chunks (or, with `status` 0, from the start) it says nothing for ever.
    """

    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),)
    chunks: Sequence[bytes] = (b"{}",)
    first: float = 0.0
    every: float = 0.0
    breaks: bool = False
    hangs: bool = False


class Actor:
    """A model's server. `load_s` seconds pass from its first probe until it is ready.

    `script` is asked for each request; without one it answers `{}`. `heard` is what came, `open`
    how many answers are being given, `left` how many were given up by Jano before their end.
    """

    def __init__(
        self,
        name: str,
        settings: str = "",
        *,
        load_s: float = 0.0,
        script: Callable[[Heard], Says] | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        """More lines of its table in the configuration."""
        self.load_s = load_s
        self.script = script or (lambda heard: Says())
        self.up = False
        self.heard: list[Heard] = []
        self.open = 0
        self.left = 0
        self._probed_at: float | None = None

    def health(self) -> httpx.Response:
        """The answer to a probe."""
        now = anyio.current_time()
        self._probed_at = now if self._probed_at is None else self._probed_at
        ready = now >= self._probed_at + self.load_s
        return httpx.Response(200 if ready else 503, stream=httpx.ByteStream(b""))

    async def play(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([piece async for piece in request.stream])
        target = request.extensions.get("target", request.url.raw_path)
        self.heard.append(Heard(request.method, target, request.headers.raw, body))
        says = self.script(self.heard[-1])
        performance = _Performance(self, says)
        try:
            await performance.begin()
        except BaseException:
            await performance.aclose()
            raise
        return httpx.Response(says.status, headers=list(says.headers), stream=performance)


class _Performance(httpx.AsyncByteStream):
    """One answer being given."""

    def __init__(self, actor: Actor, says: Says) -> None:
        self._actor = actor
        self._says = says
        self._whole = False
        self._closed = False
        actor.open += 1

    async def begin(self) -> None:
        await anyio.sleep(self._says.first)
        if not self._says.status:
            await self._end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, chunk in enumerate(self._says.chunks):
            await anyio.sleep(self._says.every if number else 0)
            yield chunk
        await self._end()
        self._whole = True

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._actor.open -= 1
            self._actor.left += not self._whole

    async def _end(self) -> None:
        if self._says.hangs:
            await anyio.sleep_forever()
        if self._says.breaks:
            raise httpx.ReadError("connection lost")


class Stage(httpx.AsyncBaseTransport):
    """Where Jano's requests meet the actors; `jano` is the router, `client` calls it.

    `config` is the configuration as written; change it, and `jano.reload()` reads it again.
    """

    config: str
    jano: Jano
    client: Client

    def __init__(self, actors: Sequence[Actor]) -> None:
        self._cast = {FIRST_PORT + place: actor for place, actor in enumerate(actors)}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        actor = self._cast[request.url.port or 0]
        await anyio.lowlevel.checkpoint()
        if not actor.up:
            raise httpx.ConnectError("connection refused")
        if request.method == "GET" and request.url.path == "/health":
            return actor.health()
        return await actor.play(request)

    def configuration(self, more: str) -> str:
        """A table for each actor, after `more`."""
        tables = (
            f'[models.{actor.name}]\nurl = "http://127.0.0.1:{port}"\n{actor.settings}\n'
            for port, actor in self._cast.items()
        )
        return "\n".join((more, *tables))


@asynccontextmanager
async def playhouse(*actors: Actor, config: str = "") -> AsyncIterator[Stage]:
    """A running house with these model servers. `config` are further tables of `jano.toml`.

    Nobody is loaded when the curtain rises.
    """
    stage = Stage(actors)
    stage.config = stage.configuration(config)

    def read() -> Loaded:
        return _loaded(stage.config)

    async with Jano.open(read(), _registry(), reread=read, transport=stage) as jano:
        stage.jano, stage.client = jano, Client(jano.asgi)
        for actor in actors:
            actor.up = True
        yield stage


def _loaded(config: str) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "jano.toml")
        path.write_text(config)
        return load(path, _registry(), {})


@cache
def _registry() -> Registry:
    return Registry.discover()
