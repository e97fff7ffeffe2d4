"""Jano for any ASGI server: `uvicorn jano_core.asgi:app`, one worker, lifespan on.

The configuration is found as `jano serve` finds it; address and socket are the server's matter.
`jano serve` is the better choice where there is one: it can finish streams within a grace.
"""

from __future__ import annotations

from . import folders
from .app import Jano
from .config.load import load
from .errors import JanoError
from .http1.asgi import Message, Receive, Send
from .plugin.registry import Registry


class Application:
    """The ASGI callable. The house lives in the lifespan's task, from startup to shutdown."""

    def __init__(self) -> None:
        self._house: Jano | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._house is None:
            raise RuntimeError("jano_core.asgi needs an ASGI server with lifespan support")
        else:
            await self._house.asgi(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            registry = Registry.discover()
            loaded = load(None, registry)
        except JanoError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        state = folders.state_folder()
        memory = folders.memory_folder(next(iter(loaded.files), None))
        async with Jano.open(loaded, registry, state_folder=state, memory_folder=memory) as house:
            self._house = house
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._house = None
        await send({"type": "lifespan.shutdown.complete"})


app = Application()
