"""A server that gave its memory back and did not end, until its model is wanted again."""

from __future__ import annotations

import math

import anyio

from .life import ServerLife
from .log_buffer import LogBuffer

END_S = 15.0
"""Beyond two stop timeouts: when a launcher that forgot its own bounds is left alone."""


class Sleeper:
    """At most one sleeping server of one model, and whether sleeping has been worth it."""

    def __init__(self, log: LogBuffer) -> None:
        self._log = log
        self._parts: ServerLife | None = None
        self._cold_s = math.inf
        self._wake_s = 0.0

    @property
    def here(self) -> bool:
        """Does a server sleep?"""
        return self._parts is not None

    @property
    def pays(self) -> bool:
        """Has waking been quicker than a cold start, as far as both were measured?"""
        return self._wake_s < self._cold_s

    def took(self, seconds: float, *, woken: bool) -> None:
        """It took so long to be ready."""
        if woken:
            self._wake_s = seconds
        else:
            self._cold_s = seconds

    def lie_down(self, parts: ServerLife) -> None:
        """This server sleeps from now on."""
        self._parts = parts

    async def rouse(self, fresh: ServerLife) -> ServerLife | None:
        """The sleeping server, if it is what `fresh` would be; one that is not is ended."""
        parts = self._parts
        if parts is not None and parts.server.spec != fresh.server.spec:
            await self.end()
            return None
        self._parts = None
        return parts

    async def watch(self, ordered: anyio.Event) -> None:
        """Wait for the next order, and meanwhile pass on what a sleeping server says. One that
        ends in its sleep is put away, and its model is loaded anew when it is wanted.
        """
        async with anyio.create_task_group() as beside:

            async def heed(parts: ServerLife) -> None:
                why = await parts.launcher.wait()
                self._log.write(f"jano: ended in its sleep: {why}\n")
                await self.end()

            if self._parts is not None:
                beside.start_soon(heed, self._parts)
            await ordered.wait()
            beside.cancel_scope.cancel()

    async def end(self) -> None:
        """End the sleeping server, if there is one. Shielded and bounded."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        patience = 2 * parts.server.spec.stop_timeout + END_S
        with anyio.move_on_after(patience, shield=True):
            try:
                await parts.launcher.stop()
            except Exception as error:
                self._log.write(f"jano: the sleeping server could not be ended: {error}\n")
