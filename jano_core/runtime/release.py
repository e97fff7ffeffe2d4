"""The steps around a server's rest that are its backend's: keep the cache, sleep, unload, and back.

None of them may keep a server from being ended or a model from being served: what goes wrong is
logged, and the next step follows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from ..errors import in_words
from ..plugin.capabilities import CanSleep, KeepsCache
from ..plugin.contracts import Usage
from .life import ServerLife
from .loan import PATIENCE_S, Loan, Weigh
from .log_buffer import LogBuffer

T = TypeVar("T")

CACHE_S = 30.0
"""How long keeping or bringing back a cache may take: beyond that the prompts are read again."""


class Release:
    """Takes the steps of one model's servers; `step` is told what took how long, and `weigh` says
    what a server takes.
    """

    def __init__(self, log: LogBuffer, step: Callable[[str, float], None], weigh: Weigh) -> None:
        self._log = log
        self._step = step
        self._loan = Loan(weigh)
        self._failed = ""
        self._left: ServerLife | None = None

    @property
    def leftover(self) -> bool:
        """A server that is not Jano's to end may still have the model in memory."""
        return self._left is not None

    def bound(self, parts: ServerLife) -> float:
        """Seconds that `put_away` may take at most."""
        cache = CACHE_S if isinstance(parts.backend, KeepsCache) else 0.0
        back = PATIENCE_S if _outlives_its_model(parts) else 0.0
        return cache + parts.server.spec.stop_timeout + back

    async def expect(self, parts: ServerLife) -> None:
        """A server is about to load its model."""
        if _outlives_its_model(parts):
            await self._loan.open(parts)

    async def put_away(self, parts: ServerLife, *, well: bool, may_sleep: bool) -> bool:
        """Whether the server sleeps now; otherwise its launcher is to end it. `well` = it was
        serving until now.
        """
        server, launcher, backend = parts
        timeout, asleep = server.spec.stop_timeout, False
        async with anyio.create_task_group() as beside:
            beside.start_soon(launcher.wait)  # it passes the server's output on
            if well and isinstance(backend, KeepsCache):
                await self._save(backend)
            if may_sleep and isinstance(backend, CanSleep):
                await self._loan.call_in(parts)
                asleep = bool(await self._take("sleep", backend.sleep, timeout))
                asleep = asleep and await self._gave_back(parts)
            if not asleep:
                await self._unload(parts)
            beside.cancel_scope.cancel()
        return asleep

    async def clear(self, parts: ServerLife) -> None:
        """Put away what was found running, and has its model, where there is no room for it."""
        if parts.launcher.ends or await parts.backend.ready():
            self._log.write("jano: there is no room for it next to what runs already\n")
            if not parts.launcher.ends:
                await self._unload(parts)
            await parts.launcher.stop()

    async def let_go(self) -> str:
        """Try once more to have a leftover released; returns why it is one still, or nothing."""
        if self._left is not None:
            await self._unload(self._left)
        return self._failed if self._left is not None else ""

    def answered(self, backend: KeepsCache, usage: Usage) -> None:
        """A request was answered: what the server reported of it."""
        try:
            backend.answered(usage)
        except Exception as error:  # its mistake costs a cache at most, never the request's slot
            self._log.write(f"jano: what was answered was not noted: {in_words(error)}\n")

    def forget(self) -> None:
        """The model is wanted again: what was left of it is no leftover."""
        self._left = None

    async def bring_back(self, parts: ServerLife) -> None:
        """A server is ready: note what it took, and let it have its cache again."""
        backend = parts.backend
        if _outlives_its_model(parts):
            await self._loan.draw(parts)
        if not isinstance(backend, KeepsCache):
            return
        if tokens := await self._take("kv_restore", backend.restore_cache, CACHE_S):
            self._log.write(f"jano: restored {tokens} tokens of cached prompts\n")

    async def _unload(self, parts: ServerLife) -> None:
        """Where `stop` proves nothing, the backend's word must do, and the system's where it tells;
        unless the server is no more.
        """
        server, launcher, backend = parts
        self._failed = ""
        self._left = None if launcher.ends else parts  # until it is proven, also if it is cancelled
        if launcher.ends:
            await self._take("release", backend.release, server.spec.stop_timeout)
        elif await backend.alive():
            await self._loan.call_in(parts)
            await self._take("release", backend.release, server.spec.stop_timeout)
            if not self._failed:
                await self._gave_back(parts)
        if not self._failed:
            self._left = None

    async def _gave_back(self, parts: ServerLife) -> bool:
        if held := await self._loan.repaid(parts):
            self._failed = held
            self._log.write(f"jano: {held}\n")
        return not held

    async def _save(self, backend: KeepsCache) -> None:
        if tokens := await self._take("kv_save", backend.save_cache, CACHE_S):
            self._log.write(f"jano: kept {tokens} tokens of cached prompts\n")

    async def _take(self, name: str, work: Callable[[], Awaitable[T]], timeout: float) -> T | None:
        """The result, or None where it failed; a step that did something is reported."""
        began = anyio.current_time()
        try:
            with anyio.fail_after(timeout):
                result = await work()
        except Exception as error:
            self._failed = in_words(error)
            self._log.write(f"jano: {name} failed: {in_words(error)}\n")
            return None
        if result:
            self._step(name, anyio.current_time() - began)
        return result


def _outlives_its_model(parts: ServerLife) -> bool:
    return not parts.launcher.ends or isinstance(parts.backend, CanSleep)
