"""What a supervisor finds out about a server: does it live, is it the right one, has it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from ..errors import LoadFailed
from ..plugin.capabilities import CanSleep, ListsModels
from ..plugin.contracts import Backend
from ..plugin.server import ServerSpec
from .lifetime import Lifetime

T = TypeVar("T")

PROBE_S = 2.0
"""How long a server whose connection broke may take to prove that it lives."""
NOTICE_S = 0.25
"""How long its launcher may take to say first why it is gone."""


async def ask_for_model(backend: Backend, *, woken: bool) -> None:
    """Have a sleeping server wake, any other load. Where it refuses, the error says what models it
    has, if it tells.
    """
    try:
        if woken and isinstance(backend, CanSleep):
            await backend.wake()
        else:
            await backend.load()
    except LoadFailed as error:
        names = await backend.models() if isinstance(backend, ListsModels) else ()
        if not names:
            raise
        raise LoadFailed(f"{error}; it has: {', '.join(names)}", error.detail) from error


async def holds_model(backend: Backend, spec: ServerSpec) -> bool:
    """Whether a server that was found has the model it is meant to have, if it tells."""
    resident = await backend.resident()
    names = {spec.model, backend.model_name(spec)}
    return resident is None or not names.isdisjoint(resident)


async def proves_alive(life: Lifetime) -> bool:
    """Whether the server answers; no, as soon as its life comes to an end."""
    assert life.parts
    backend, alive = life.parts.backend, False
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            nonlocal alive
            with anyio.move_on_after(PROBE_S):
                alive = await backend.alive()
            if not alive:
                await anyio.sleep(NOTICE_S)
            tasks.cancel_scope.cancel()

        tasks.start_soon(ask)
        await life.leaving.wait()
        tasks.cancel_scope.cancel()
    return alive and life.end is None


async def unless_ended(wait: Callable[[], Awaitable[str]], work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`; raises `LoadFailed` as soon as `wait` says that the server has ended."""
    ended = ""
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            nonlocal ended
            ended = await wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        try:
            result = await work()
        except Exception as error:  # carried out of the group as it is, not as a group of one
            failure = error
        tasks.cancel_scope.cancel()
    if ended:
        raise LoadFailed(f"{ended} before it was ready")
    if failure:
        raise failure
    return result
