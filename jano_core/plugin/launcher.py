"""How a model's server comes to life and dies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct

from .contract import Contract
from .server import Server, ServerSpec


class Launcher(Contract):
    """How a model's server comes to life and dies. One object per life of a server."""

    ends: ClassVar[bool] = True
    """Is the model out of memory once `stop` has returned? Otherwise the backend must release it.
    """

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        self.server = server
        self.settings = settings

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        """Called when the configuration is read: yields what is wrong with `spec` for this kind."""
        return ()

    @property
    def stays(self) -> bool:
        """Asked when Jano ends: does the server go on without it, to be found by `adopt`? Then it
        is left as it is; otherwise it is released and stopped.
        """
        return False

    async def adopt(self) -> bool:
        """Called once at start-up: is the server running already, so that it can be used?

        On True the object must be in the state that `start` leaves it in.
        """
        return False

    @abstractmethod
    async def start(self) -> None:
        """Bring the server to life and set `server.url`; it need not be ready yet.

        Raises `LoadFailed`. When it raises or is cancelled, nothing may be left running.
        """

    async def verify(self) -> None:
        """Called once after the backend said ready: does our server answer there, no stranger?

        Raises `LoadFailed` that names the stranger.
        """

    @abstractmethod
    async def wait(self) -> str:
        """Return why the server ended by itself, as soon as it has; otherwise wait for ever."""

    @abstractmethod
    async def stop(self) -> None:
        """End the server; on return it is proven gone. Bounded by `spec.stop_timeout` and a fixed
        rest for harder means. Raises `StopFailed` if it could not be ended.
        """

    async def kill(self) -> None:
        """End a server that has crashed or hangs, and whatever it left behind, without grace;
        otherwise as `stop`.
        """
        await self.stop()
