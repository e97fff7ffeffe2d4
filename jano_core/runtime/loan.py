"""The memory that a server takes for its model, and whether it has given it back: by the system's
word, where a server's own proves nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from . import memory_use
from .life import ServerLife
from .memory_use import Memory
from .ports import LOOPBACK, listening_pids

PATIENCE_S = 10.0
"""How long memory is waited for after its model is off the server's list."""
POLL_S = 0.25
OF_THIS_BOX = {LOOPBACK, "localhost", "::1"}
WORTH_COUNTING = 64 * 2**20
"""A server that grew by less took its model's memory somewhere else: nothing is known."""

Weigh = Callable[[ServerLife], Awaitable[Memory | None]]


async def by_the_system(parts: ServerLife) -> Memory | None:
    """What the processes of a server take now; None where the system does not tell."""
    return await anyio.to_thread.run_sync(_look, parts.server.pid, parts.server.url)


async def by_nobody(parts: ServerLife) -> Memory | None:
    """Where there are no real servers."""
    return None


class Loan:
    """One model's memory in servers that outlive it. What `weigh` cannot tell is taken as repaid.

    Half of what the server grew by must come back: it may keep buffers, and requests made it grow.
    """

    def __init__(self, weigh: Weigh) -> None:
        self._weigh = weigh
        self._before: Memory | None = None
        self._taken: Memory | None = None
        self._most: Memory | None = None
        """What the server may still have when the loan is repaid."""

    async def open(self, parts: ServerLife) -> None:
        """Called before the model is loaded."""
        self._taken = self._most = None
        self._before = await self._weigh(parts)

    async def draw(self, parts: ServerLife) -> None:
        """Called when the model is ready."""
        if (now := await self._weigh(parts)) is not None:
            before = self._before
            had = before.size if before is not None and before.kind == now.kind else 0
            self._taken = Memory(now.kind, now.size - had)

    async def call_in(self, parts: ServerLife) -> None:
        """Called before the model is put away; a loan that was called in before stays due."""
        taken = self._taken
        if self._most is not None or taken is None or taken.size < WORTH_COUNTING:
            return
        now = await self._weigh(parts)
        if now is not None and now.kind == taken.kind:
            self._most = Memory(now.kind, now.size - taken.size // 2)

    async def repaid(self, parts: ServerLife) -> str:
        """Called when the server says that the model is gone: wait until its memory is, too.

        Returns what is still held, or nothing.
        """
        most, now = self._most, None
        if most is None:
            return ""
        for _ in range(round(PATIENCE_S / POLL_S)):
            now = await self._weigh(parts)
            if now is None or now.kind != most.kind or now.size <= most.size:
                return ""
            await anyio.sleep(POLL_S)
        assert now is not None
        return f"its server still holds {now.size / 2**30:.1f} GiB of {now.kind}"


def _look(pid: int | None, url: str) -> Memory | None:
    if pid is None:
        pid = _listener(url)
    return None if pid is None else memory_use.of_tree(pid)


def _listener(url: str) -> int | None:
    """The process that answers at an address of this box; the first, where others were forked."""
    address = urlsplit(url)
    if address.hostname not in OF_THIS_BOX or not address.port:
        return None
    return min(listening_pids(address.port), default=None)
