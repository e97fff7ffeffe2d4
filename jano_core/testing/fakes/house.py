"""A whole Jano in front of fakes: its own gateway, scheduler and supervisors, no sockets."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ...app import Jano
from ...config.load import Loaded, load
from ...plugin.registry import Registry
from ..asgi_client import Client
from .server import FakeBox, FakeServer


@asynccontextmanager
async def house_before(config: str, servers: dict[int, FakeServer]) -> AsyncIterator[Client]:
    """A client of a running house with this `jano.toml`; `servers` by their ports.

    To be run on trio with a `MockClock` that jumps.
    """
    registry = Registry.discover()
    loaded = _loaded(config, registry)
    async with Jano.open(loaded, registry, transport=FakeBox(servers)) as jano:
        yield Client(jano.asgi)


def _loaded(config: str, registry: Registry) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "jano.toml")
        source.write_text(config)
        return load(source, registry, {})
