"""The time of one exchange: a quiet server is given up, a quiet client is given signs of life."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio
from msgspec import Struct

from ..config.schema import ModelTable, ServerTable
from ..units import show_duration


class Patience(Struct, frozen=True):
    """Seconds, 0 = for ever: until a server's first byte, between later ones, for all of it."""

    first_byte: float = 0.0
    silence: float = 0.0
    total: float = 0.0

    @classmethod
    def of(cls, server: ServerTable, model: ModelTable) -> Patience:
        """The model's own limits, else those of `[server]`."""

        def limit(own: float | None, common: float) -> float:
            return common if own is None else own

        return cls(
            limit(model.first_byte_timeout, server.first_byte_timeout),
            limit(model.silence_timeout, server.silence_timeout),
            limit(model.total_timeout, server.total_timeout),
        )


class Vigil:
    """Watches over one attempt to get an answer from a server, from its grant on.

    The relay says `heard` when a chunk has come and `listening` when it awaits the next, so that a
    slow client is never taken for a hung server. When a limit passes, `missed` says which, and the
    scope is cancelled.
    """

    def __init__(self, patience: Patience, watch: Watch, now: Callable[[], float]) -> None:
        self._now = now
        self.scope = anyio.CancelScope()
        self.missed = ""
        self.overdue = False
        """It was the total limit: the server is at work, but takes too long."""
        self._patience = patience
        self._watch = watch
        self._spoken = False
        self._started = now()
        self._since: float | None = self._started
        watch.add(self)

    def listening(self) -> None:
        """The server's next chunk is awaited from now on."""
        self._since = self._now()
        self._watch.expect(self._quiet_until())

    def heard(self) -> None:
        """A chunk has come; nothing is awaited until `listening`."""
        self._since = None
        self._spoken = True

    def end(self) -> None:
        """The attempt is over."""
        self._watch.discard(self)

    def due(self) -> float:
        """When it is to be judged, if nothing is heard before."""
        return min(self._quiet_until(), self._end())

    def judge(self, now: float) -> None:
        """Give the server up if its time has passed."""
        if now >= self._end():
            self.overdue = True
            self.missed = f"no end within {show_duration(self._patience.total)}"
        elif now >= self._quiet_until():
            self.missed = (
                f"silent for {show_duration(self._patience.silence)}"
                if self._spoken
                else f"no first byte within {show_duration(self._patience.first_byte)}"
            )
        if self.missed:
            self.end()
            self.scope.cancel()

    def _quiet_until(self) -> float:
        limit = self._patience.silence if self._spoken else self._patience.first_byte
        return self._since + limit if self._since is not None and limit else math.inf

    def _end(self) -> float:
        return self._started + self._patience.total if self._patience.total else math.inf


class Watch:
    """Keeps the time of all vigils with one task, which sleeps until the next may be due.

    A task or a timer for each would cost more than most of what a request needs. What is due
    moves away all the while, or ends: the task looks when it would have been due, and sleeps on.
    """

    def __init__(self) -> None:
        self._vigils: set[Vigil] = set()
        self._wakes_at = math.inf
        self._sooner: anyio.Event | None = None

    def add(self, vigil: Vigil) -> None:
        """Judge it when it is due, until it is discarded."""
        self._vigils.add(vigil)
        self.expect(vigil.due())

    def discard(self, vigil: Vigil) -> None:
        """It has ended."""
        self._vigils.discard(vigil)

    def expect(self, due: float) -> None:
        """Something is due then, perhaps sooner than anything before."""
        if due < self._wakes_at:
            self._wakes_at = due
            if self._sooner is not None:
                self._sooner.set()

    async def keep(self) -> None:
        """Run for ever, beside whatever has vigils."""
        while True:
            self._sooner = anyio.Event()
            with anyio.CancelScope(deadline=self._wakes_at):
                await self._sooner.wait()
            now = anyio.current_time()
            if now < self._wakes_at:
                continue
            for vigil in tuple(self._vigils):
                if vigil.due() <= now:
                    vigil.judge(now)
            self._wakes_at = min((vigil.due() for vigil in self._vigils), default=math.inf)


async def keep_alive(
    period: float, last_sent: Callable[[], float], say: Callable[[], Awaitable[None]]
) -> None:
    """Call `say` whenever nothing was sent for `period` seconds, for ever."""
    while True:
        rest = last_sent() + period - anyio.current_time()
        if rest <= 0:
            await say()
            rest = period
        await anyio.sleep(rest)
