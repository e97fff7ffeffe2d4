"""The time of one exchange: a quiet server is given up, a quiet client is given signs of life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from msgspec import Struct
from msgspec.structs import astuple

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

    def __init__(self, patience: Patience) -> None:
        self.scope = anyio.CancelScope()
        self.missed = ""
        self.overdue = False
        """It was the total limit: the server is at work, but takes too long."""
        self._keeping = anyio.CancelScope()
        self._patience = patience
        self._spoken = False
        self._started = anyio.current_time()
        self._since: float | None = self._started

    def listening(self) -> None:
        """The server's next chunk is awaited from now on."""
        self._since = anyio.current_time()

    def heard(self) -> None:
        """A chunk has come; nothing is awaited until `listening`."""
        self._since = None
        self._spoken = True

    async def keep(self) -> None:
        """Runs beside the relay, until `end` or until a limit has passed."""
        limits = [limit for limit in astuple(self._patience) if limit]
        with self._keeping:
            while limits and not self.missed:
                # What is due may change meanwhile, but not to less than the shortest limit away.
                now = anyio.current_time()
                await anyio.sleep_until(min(self._due(), now + min(limits)))
                self._judge(anyio.current_time())
            if self.missed:
                self.scope.cancel()

    def end(self) -> None:
        """The attempt is over."""
        self._keeping.cancel()

    def _due(self) -> float:
        return min(self._quiet_until(), self._end())

    def _quiet_until(self) -> float:
        limit = self._patience.silence if self._spoken else self._patience.first_byte
        return self._since + limit if self._since is not None and limit else float("inf")

    def _end(self) -> float:
        return self._started + self._patience.total if self._patience.total else float("inf")

    def _judge(self, now: float) -> None:
        if now >= self._end():
            self.overdue = True
            self.missed = f"no end within {show_duration(self._patience.total)}"
        elif now >= self._quiet_until():
            self.missed = (
                f"silent for {show_duration(self._patience.silence)}"
                if self._spoken
                else f"no first byte within {show_duration(self._patience.first_byte)}"
            )


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
