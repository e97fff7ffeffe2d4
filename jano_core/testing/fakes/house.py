"""A whole Jano in front of fakes: its own gateway, scheduler and supervisors, no sockets."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from ...app import Jano
from ...config.load import Loaded, load
from ...plugin.registry import Registry
from ...runtime.life import ServerLife
from ...runtime.memory_use import Memory
from ..asgi_client import Client
from .server import FakeBox, FakeServer

MODEL_SIZE = 4 * 2**30


@asynccontextmanager
async def house_before(config: str, servers: dict[int, FakeServer]) -> AsyncIterator[Client]:
    """A client of a running house with this `jano.toml`; `servers` by their ports, which
    it weighs by their own book.

    To be run on trio with a `MockClock` that jumps.
    """
    registry = Registry.discover()
    loaded = _loaded(config, registry)
    async with Jano.open(loaded, registry, transport=FakeBox(servers)) as jano:
        crew = jano.dispatcher.crew
        kit = crew.kit(next(iter(loaded.config.models)))
        crew.equip(replace(kit, weigh=partial(_weighed, servers)))
        yield Client(jano.asgi)


async def _weighed(servers: Mapping[int, FakeServer], parts: ServerLife) -> Memory:
    server = servers[urlsplit(parts.server.url).port or 80]
    return Memory("GPU", server.memory.held * MODEL_SIZE)


def _loaded(config: str, registry: Registry) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "jano.toml")
        source.write_text(config)
        return load(source, registry, {})
