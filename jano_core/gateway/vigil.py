"""The time of one exchange: a quiet server is given up, a quiet client is given signs of life."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from ..units import show_duration
from .watch import Watch

if TYPE_CHECKING:
    from ..config.schema import ModelTable, ServerTable
    from .interruptible import Interruptible
    from .reply import Reply


class Patience(Struct, frozen=True):
    """Seconds, infinite where there is no limit: until a server's first byte, between later ones,
    for all of it.
    """

    first_byte: float
    silence: float
    total: float

    @classmethod
    def of(cls, server: ServerTable, model: ModelTable) -> Patience:
        """The model's own limits, else those of `[server]`."""

        def limit(own: float | None, common: float) -> float:
            return (common if own is None else own) or math.inf

        return cls(
            limit(model.first_byte_timeout, server.first_byte_timeout),
            limit(model.silence_timeout, server.silence_timeout),
            limit(model.total_timeout, server.total_timeout),
        )


class Vigil:
    """Watches over one attempt to get an answer from a server, from its grant on; an `Alarm`.

    The relay says `listening` when it awaits the next chunk, after one has come, and `heard` when
    it has to pass one on first, so that a slow client is never taken for a hung server. When a
    limit passes, `missed` says which, and `scope` is cancelled. Who made it calls `end`.
    """

    missed = ""
    overdue = False
    """It was the total limit: the server is at work, but takes too long."""
    _spoken = False

    def __init__(self, patience: Patience, watch: Watch, now: float, scope: Interruptible) -> None:
        self._patience = patience
        self._quiet_until = now + patience.first_byte
        self._end = now + patience.total
        self._scope = scope
        self._watch = watch
        watch.add(self, min(self._quiet_until, self._end))

    def listening(self, now: float) -> None:
        """A chunk has come, and the next is awaited from now on."""
        self._spoken = True
        self._quiet_until = due = now + self._patience.silence
        if due < self._watch.wakes_at:
            self._watch.expect(due)

    def heard(self) -> None:
        """A chunk has come; nothing is awaited until `listening`."""
        self._spoken = True
        self._quiet_until = math.inf

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
            self.missed = f"no end within {show_duration(self._patience.total)}"
        else:
            self.missed = (
                f"silent for {show_duration(self._patience.silence)}"
                if self._spoken
                else f"no first byte within {show_duration(self._patience.first_byte)}"
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
        watch.add(self, self.due())

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
