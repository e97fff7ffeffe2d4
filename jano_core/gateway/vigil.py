"""The time of one exchange: a quiet server is given up, a quiet client is given signs of life."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from ..units import show_duration
from .watch import Watch

if TYPE_CHECKING:
    from ..config.schema import ModelTable, ServerTable
    from .interruptible import Interruptible
    from .reply import Reply


class Vigil:
    """Watches over one attempt to get an answer from a server, from its grant on; an `Alarm`.

    The model's own limits hold, else those of `[server]`: seconds until a server's first byte,
    between later ones, and for all of it; 0 means for ever. The relay says `heard` when a chunk has
    come and `listening` when it awaits the next, so that a slow client is never taken for a hung
    server. When a limit passes, `missed` says which, and `scope` is cancelled. Who made it calls
    `end`.
    """

    missed = ""
    overdue = False
    """It was the total limit: the server is at work, but takes too long."""
    _spoken = False

    def __init__(
        self, server: ServerTable, model: ModelTable, watch: Watch, now: float, scope: Interruptible
    ) -> None:
        first, silence, total = (
            model.first_byte_timeout,
            model.silence_timeout,
            model.total_timeout,
        )
        self._first_byte = server.first_byte_timeout if first is None else first
        self._silence = server.silence_timeout if silence is None else silence
        self._total = server.total_timeout if total is None else total
        self._quiet_until = now + (self._first_byte or math.inf)
        self._end = now + (self._total or math.inf)
        self._scope = scope
        self._watch = watch
        watch.add(self)

    def listening(self, now: float) -> None:
        """The server's next chunk is awaited from now on."""
        if self._silence:
            self._quiet_until = now + self._silence
            self._watch.expect(self._quiet_until)

    def heard(self) -> None:
        """A chunk has come; nothing is awaited until `listening`."""
        self._quiet_until = math.inf
        self._spoken = True

    def end(self) -> None:
        """The attempt is over."""
        self._watch.discard(self)

    def due(self) -> float:
        """When its time has passed, if nothing is heard before."""
        return min(self._quiet_until, self._end)

    def ring(self, now: float) -> None:
        """Give the server up."""
        if now >= self._end:
            self.overdue = True
            self.missed = f"no end within {show_duration(self._total)}"
        else:
            self.missed = (
                f"silent for {show_duration(self._silence)}"
                if self._spoken
                else f"no first byte within {show_duration(self._first_byte)}"
            )
        self.end()
        self._scope.cancel()


class Pulse:
    """Has `say` called whenever nothing was sent for `period` seconds; an `Alarm`.

    Until `stop`, from the moment that it is made. One sign at a time.
    """

    def __init__(
        self, period: float, watch: Watch, reply: Reply, say: Callable[[], Awaitable[None]]
    ) -> None:
        self._period = period
        self._watch = watch
        self._reply = reply
        self._say = say
        self._said = -math.inf
        """When the last sign was said, or tried to be: it may have found no place."""
        watch.add(self)

    def due(self) -> float:
        """A period after whatever went out last."""
        return max(self._reply.last_sent, self._said) + self._period

    def ring(self, now: float) -> None:
        """Say it, beside the exchange: the client may be slow to take it."""
        self._said = math.inf
        self._watch.start(self._speak)

    def stop(self) -> None:
        """No further sign."""
        self._watch.discard(self)
        self._said = math.inf

    async def _speak(self) -> None:
        await self._say()
        self._said = anyio.current_time()
        self._watch.expect(self.due())
