"""Waiting for something that can only be asked for, as is everything about a model server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

POLL_S = 0.1


async def until(
    holds: Callable[[], Awaitable[bool]], within: float | None = None, every: float = POLL_S
) -> bool:
    """Ask `holds` every `every` seconds until it says yes; False once `within` seconds are over.

    None waits for ever, and so belongs below somebody's deadline.
    """
    with anyio.move_on_after(within):
        while not await holds():  # noqa: ASYNC110 (nobody sets an event in another process)
            await anyio.sleep(every)
        return True
    return False
