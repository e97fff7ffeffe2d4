"""One model server in one container."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import urlsplit

import anyio

from jano_core import Launcher, LoadFailed, Server, ServerSpec, StopFailed
from jano_core.toolbox import free_port, holder

from .engine import Container, Engine
from .recipe import MADE, URL, ContainerSettings, Recipe

MARGIN_S = 5.0
LAST_WORDS_S = 0.5


class ContainerLauncher(Launcher):
    """Makes the container at each load and removes it at each unload."""

    name: ClassVar[str] = "container"
    Settings = ContainerSettings

    def __init__(self, server: Server, settings: ContainerSettings) -> None:
        super().__init__(server, settings)
        self._keep = settings.keep
        self._recipe = Recipe(server.spec, settings)
        self._engine = Engine(settings.engine, self._recipe.name, server.log)

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        if urlsplit(spec.url.replace("${PORT}", "1")).hostname not in (None, "127.0.0.1"):
            yield "a container's port is published on 127.0.0.1; leave url out, or say so"

    @property
    def stays(self) -> bool:
        return self._keep

    async def adopt(self) -> bool:
        """A container of the same name that was made of another configuration is removed."""
        found = await self._engine.show()
        if found is None:
            return False
        labels = found.config.labels or {}
        if not found.running or labels.get(MADE) != self._recipe.fingerprint:
            self.server.log(f"jano: container {self._engine.name} is not of use any more\n")
            await self.kill()
            return False
        self.server.url = labels[URL]
        self._take(found)
        return True

    async def start(self) -> None:
        """Returns when the engine says that the container runs. Pulling an image counts."""
        try:
            await self._make()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.kill()
            raise

    async def wait(self) -> str:
        """The engine's own `wait` tells at once."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._engine.listen)
            await self._engine.ended()
            found = await self._engine.show()
            tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        return found.why() if found else f"container {self._engine.name} was removed"

    async def stop(self) -> None:
        timeout = self.server.spec.stop_timeout
        if await self._engine.show() is None:
            return
        with anyio.move_on_after(timeout + MARGIN_S):
            await self._engine.stop(timeout)
        await self.kill()

    async def kill(self) -> None:
        with anyio.move_on_after(MARGIN_S):
            await self._engine.remove()
        if await self._engine.show() is not None:
            raise StopFailed(f"{self._engine.command} cannot remove {self._engine.name}")

    async def _make(self) -> None:
        spec, recipe, engine = self.server.spec, self._recipe, self._engine
        await self.stop()
        chosen = "${PORT}" in recipe.url(None)
        port = free_port() if chosen else urlsplit(recipe.url(None)).port
        self.server.url = recipe.url(port)
        if port and (other := holder(port)):
            raise LoadFailed(f"port {port} is taken by {other}")
        answer = await engine.run(recipe.arguments(engine.command, port), spec.own_env)
        found = await engine.show()
        if answer.status != 0 or found is None:
            raise LoadFailed(f"{engine.command} run failed", answer.text.strip())
        self._take(found)

    def _take(self, found: Container) -> None:
        # With Docker on a Mac the number is one of the virtual machine's: only named, never used.
        self.server.pid = found.state.pid or None
