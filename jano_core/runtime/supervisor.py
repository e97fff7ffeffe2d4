"""The one task that decides about one model's server process. Everybody else gives it orders.

A life is one server from start to gone, and goes one way only:

    starting ──ready──▶ ready ──▶ ending ──▶ gone

    starting: an error, the server's own end or `unload` leads to ending
    ready:    `unload`, the server's own end or `condemn` leads to ending
    ending:   shielded and bounded; no order reaches it. The next life begins after it.

A server that can sleep counts as gone while it does; the next life wakes it.

Exactly one of `load_failed`, `unloaded`, `crashed` is reported for a life that was ordered, when
it is gone; before it `loaded`, if it came to that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint

from ..errors import LoadFailed, in_words
from ..plugin.capabilities import KeepsCache, Reading, TellsProgress
from ..plugin.contracts import Description, Usage
from .life import ServerLife
from .lifetime import End, Lifetime
from .loan import Weigh, by_nobody
from .log_buffer import LogBuffer
from .readiness import until_ready
from .release import Release
from .report import Report
from .signs_of_life import ask_for_model, holds_model, proves_alive, unless_ended
from .sleeper import Sleeper
from .upstream import Upstream

TAIL_LINES = 20
"""How much of the log goes with an error."""
GIVE_UP_S = 15.0
"""Beyond release and stop: when even a launcher that forgot its own bounds is left alone."""


class Supervisor:
    """Keeps at most one server of one model alive, as `load` and `unload` order.

    `make` builds the parts of a life, `report` hears what became of it, `poll_interval` is the
    first pause between two questions whether it is ready, `make_room` is awaited before each load,
    `weigh` says what a server takes. `run` is its task.
    """

    def __init__(
        self,
        make: Callable[[], ServerLife],
        report: Report,
        log: LogBuffer,
        poll_interval: float = 0.02,
        connect: Callable[[str], Upstream] = Upstream,
        make_room: Callable[[], Awaitable[None]] = checkpoint,
        weigh: Weigh = by_nobody,
    ) -> None:
        self.make = make
        self._make_room = make_room
        self._report = report
        self._log = log
        self._poll_interval = poll_interval
        self._connect = connect
        self.release = Release(log, report.step, weigh)
        self._sleeper = Sleeper(log)
        self.life: Lifetime | None = None
        """The one under way, from before its server starts until that is gone."""
        self._coming: deque[Lifetime] = deque()
        self._ordered = anyio.Event()
        self.upstream: Upstream | None = None
        """From before it is reported as loaded until it is gone; it may have just died."""
        self._keeper: KeepsCache | None = None
        """The ready server's backend, if it wants to hear of answers."""

    def load(self) -> None:
        """Order: bring a server up, once the one that is ending is gone.

        If one is ready, that is reported once more; one that is on its way will report.
        """
        life = self._coming[-1] if self._coming else self.life
        if life is None or life.end:
            self._enqueue(Lifetime())
        elif life.about:
            self._report.loaded(life.about.parallel, life.about.memory)

    def unload(self) -> None:
        """Order: put the server away, in whatever state it is. A load under way is cancelled."""
        if life := self._coming[-1] if self._coming else self.life:
            life.finish(End.ORDERED)

    def condemn(self, why: str) -> None:
        """Order: a ready server hangs; end it without grace and report it as crashed."""
        if life := self._ready_life:
            life.finish(End.CRASHED, why)

    async def verdict(self, why: str) -> bool:
        """A request saw its connection break: does the server live?

        True if it proves that it does. False after it was reported as crashed (or as whatever
        else it came to meanwhile): two seconds for the proof, and what its end takes.
        """
        life = self._ready_life
        if life is None:
            return False
        if await proves_alive(life):
            return True
        life.finish(End.CRASHED, why)
        await life.gone.wait()
        return False

    @property
    def asleep(self) -> bool:
        """Is its server put away without having ended?"""
        return self._sleeper.here

    def answered(self, usage: Usage) -> None:
        """A request was answered: what the server reported of it."""
        if self._keeper is not None:
            self.release.answered(self._keeper, usage)

    @property
    def parts(self) -> ServerLife | None:
        """Those of the ready server."""
        return self._ready_life.parts if self._ready_life else None

    async def reading(self) -> Reading | None:
        """How far the server is with the prompts that it reads, if it tells. Never raises."""
        if (parts := self.parts) and isinstance(parts.backend, TellsProgress):
            return await parts.backend.reading()
        return None

    async def adopt(self) -> bool:
        """Called once, before the first order: take over a server that is up already.

        True if there is one that holds its model; it is ready then, and not reported. Another one
        is put away. Bounded by who calls it.
        """
        life = Lifetime()
        try:
            server, launcher, backend = life.parts = self.make()
            if not await launcher.adopt():
                return False
            if not (await backend.ready() and await holds_model(backend, server.spec)):
                self._log.write("jano: what runs already is of no use, and takes memory\n")
                await launcher.stop()
                return False
            self._become_ready(life, await backend.describe())
        except Exception as error:
            self._log.write(f"jano: cannot adopt a running server: {in_words(error)}\n")
            return False
        self._enqueue(life)
        return True

    async def clear(self) -> None:
        """Called once, instead of `adopt`, where there is no room for the model: put away a server
        of it that is up already. Bounded by who calls it.
        """
        try:
            parts = self.make()
            if await parts.launcher.adopt():
                await self.release.clear(parts)
        except Exception as error:
            self._log.write(f"jano: cannot put away a running server: {in_words(error)}\n")

    async def run(self) -> None:
        """The supervisor's task, for ever. Cancelled, it puts the server away first."""
        try:
            while True:
                await self._sleeper.watch(self._ordered)
                self._ordered = anyio.Event()
                while self._coming:
                    self.life = self._coming.popleft()
                    try:
                        await self._live(self.life)
                    finally:
                        self.life.gone.set()
                        self.life = None
        finally:
            await self._sleeper.end()

    def _enqueue(self, life: Lifetime) -> None:
        self._coming.append(life)
        self._ordered.set()

    @property
    def _ready_life(self) -> Lifetime | None:
        """The life that `upstream` leads to; one just adopted has yet to be taken up by `run`."""
        return (self.life or self._coming[0]) if self.upstream else None

    async def _live(self, life: Lifetime) -> None:
        try:
            with life.scope:
                await self._until_end(life)
        except Exception as error:
            # Whatever a launcher or backend raises ends its own server's life, nothing else.
            detail = error.detail if isinstance(error, LoadFailed) else ""
            life.finish(End.CRASHED if self.upstream else End.FAILED, in_words(error), detail)
        finally:
            # Also when `run` is cancelled: nothing of the server outlives its supervisor.
            stop_error = await self._put_away(life)
            self.upstream = self._keeper = None
        self._tell(life, stop_error)

    async def _until_end(self, life: Lifetime) -> None:
        if life.end:  # ordered away before it began
            return
        if life.parts is None:
            self.release.forget()
            await self._make_room()
            fresh = self.make()
            sleeping = await self._sleeper.rouse(fresh)
            life.parts = sleeping or fresh
            word = "waking" if sleeping else "loading"
            self._log.write(f"jano: {word} {life.parts.server.spec.model}\n")
            about = await self._bring_up(life.parts, woken=sleeping is not None)
            self._become_ready(life, about)
            self._report.loaded(about.parallel, about.memory)
        life.finish(End.CRASHED, await life.parts.launcher.wait())

    async def _bring_up(self, parts: ServerLife, *, woken: bool) -> Description:
        server, launcher, backend = parts
        began = anyio.current_time()

        async def make_ready() -> Description:
            await ask_for_model(backend, woken=woken)
            await until_ready(backend.ready, self._poll_interval)
            if woken:
                self._report.step("wake", anyio.current_time() - began)
            self._sleeper.took(anyio.current_time() - began, woken=woken)
            await launcher.verify()
            about = await backend.describe()
            await self.release.bring_back(parts)
            return about

        timeout = server.spec.start_timeout
        try:
            with anyio.fail_after(timeout):
                await self.release.expect(parts)
                if not woken:
                    await launcher.start()
                    self._report.step("start", anyio.current_time() - began)
                return await unless_ended(launcher.wait, make_ready)
        except TimeoutError as error:
            raise LoadFailed(f"not ready after {timeout:g} s") from error

    def _become_ready(self, life: Lifetime, about: Description) -> None:
        assert life.parts
        backend, life.about = life.parts.backend, about
        self._keeper = backend if isinstance(backend, KeepsCache) else None
        self.upstream = self._connect(life.parts.server.url)
        self._log.write(f"jano: ready at {self.upstream.url}\n")

    async def _put_away(self, life: Lifetime) -> str:
        """End the server; returns what is wrong with its end. Shielded, bounded, never raises."""
        upstream = self.upstream
        life.leaving.set()
        if life.parts is None:
            return ""
        server, launcher, _ = life.parts
        if life.end is None and launcher.stays:  # Jano ends
            if upstream:
                with anyio.CancelScope(shield=True):
                    await upstream.aclose()
            return ""
        error, asleep = "", False
        patience = self.release.bound(life.parts) + server.spec.stop_timeout + GIVE_UP_S
        with anyio.move_on_after(patience, shield=True) as bound:
            try:
                well = upstream is not None and life.end is not End.CRASHED
                if well or not launcher.ends:
                    may_sleep = well and life.end is End.ORDERED and self._sleeper.pays
                    asleep = await self.release.put_away(life.parts, well=well, may_sleep=may_sleep)
                if asleep:
                    self._sleeper.lie_down(life.parts)
                else:
                    await (launcher.kill if life.end is End.CRASHED else launcher.stop)()
            except Exception as failure:
                error = in_words(failure)
        if bound.cancelled_caught:
            error = "the server could not be ended in time"
        if upstream:
            with anyio.CancelScope(shield=True):
                await upstream.aclose()
        return error

    def _tell(self, life: Lifetime, stop_error: str) -> None:
        detail = life.detail or self._log.tail(TAIL_LINES)
        why = "; ".join(text for text in (life.why, stop_error) if text)
        self._log.write(f"jano: {'asleep' if self.asleep else 'gone'}: {why or 'as ordered'}\n")
        if life.end is End.ORDERED:
            self._report.unloaded(stop_error)
        elif life.end is End.CRASHED:
            self._report.crashed(why, detail)
        else:
            self._report.load_failed(why, detail)
