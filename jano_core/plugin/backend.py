"""What a running model server speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from ..errors import UpstreamError
from .contract import Contract
from .server import Server, ServerSpec


class Description(Struct, frozen=True, kw_only=True):
    """What a ready server says of itself; None where it says nothing."""

    parallel: int | None = None
    context: int | None = None
    memory: int | None = None


class Backend(Contract):
    """What a running model server speaks. One object per life of a server.

    Four probes, and never does one stand for another: `alive`, `ready`, `busy`, `resident`.
    """

    health: ClassVar[str] = "/health"
    """Default of the model's `health` key."""

    speaks: ClassVar[frozenset[str]] = frozenset()
    """Names of dialects with calls of their own (`Dialect.calls`) that the server speaks itself."""

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        self.server = server
        self.settings = settings

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """Called before each start: the spec with what this backend adds to the command."""
        return spec

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        """The model name to send to the server; empty = the caller's, untouched."""
        return spec.upstream_model

    @classmethod
    def needs_model(cls, method: str, path: str) -> bool:
        """Does such a call need the model, or only the server? `path` is the server's.

        Asked of calls that name the model by their path. One that needs only the server waits in
        no queue, wakes nothing and keeps nothing awake: a page that is left open, its WebSocket.
        """
        return True

    async def alive(self) -> bool:
        """Does anything answer there?"""
        try:
            await self.server.http.get(self._health_path())
        except UpstreamError:
            return False
        return True

    async def load(self) -> None:
        """Called after `Launcher.start`, before `ready` is polled: ask the server for the model.

        For servers that load at process start there is nothing to do. Raises `LoadFailed`.
        """

    async def ready(self) -> bool:
        """Can the model be served now? Polled; raises `LoadFailed` if it never will be."""
        if self.server.spec.health == "none":
            return True
        try:
            return (await self.server.http.get(self._health_path())).ok
        except UpstreamError:
            return False

    async def describe(self) -> Description:
        """Called once when ready."""
        return Description()

    async def busy(self) -> int | None:
        """Requests the server works on now; None if it does not tell."""
        return None

    async def resident(self) -> Mapping[str, int | None] | None:
        """Models in memory with their bytes; None if it does not tell."""
        return None

    async def release(self) -> None:
        """Called when idle, before `Launcher.stop`: unload over the API, where the server has one
        and outlives its models. Returns when the model is out of memory, by the word of the
        server. Errors are logged and never keep the server from being stopped.
        """

    def _health_path(self) -> str:
        path = self.server.spec.health
        return path if path.startswith("/") else "/"
