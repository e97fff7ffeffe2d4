"""`launch = "attach"`: somebody else runs the model server; Jano only uses it."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from ..errors import LoadFailed, UpstreamError
from ..plugin.contracts import Launcher
from ..plugin.server import ServerSpec

ANSWER_S = 5.0


class AttachLauncher(Launcher):
    """Never starts and never ends anything: to load is to see that something answers at `url`."""

    name = "attach"
    ends = False

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        if not spec.url:
            yield 'launch = "attach" needs url'

    async def adopt(self) -> bool:
        """It counts as loaded if it answers when Jano starts."""
        try:
            await self.start()
        except LoadFailed:
            return False
        return True

    async def start(self) -> None:
        """Raises `LoadFailed` at once if nothing answers: Jano cannot bring it up by waiting."""
        health = self.server.spec.health
        try:
            await self.server.http.get(health if health.startswith("/") else "/", timeout=ANSWER_S)
        except UpstreamError as error:
            raise LoadFailed(f"nothing answers at {self.server.url}: {error}") from error

    async def wait(self) -> str:
        """There is no process to watch. That it is gone shows when a request cannot reach it."""
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def stop(self) -> None:
        """It is not Jano's to end."""
