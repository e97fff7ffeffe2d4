"""One request on its way: waiting, granted, perhaps granted again, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import anyio
from msgspec import Struct

from ..errors import Refused
from ..plugin.capabilities import Reading
from ..plugin.contracts import Usage
from ..plugin.server import ServerSpec
from ..scheduler.types import Request

if TYPE_CHECKING:
    from .dispatcher import Dispatcher
    from .outlook import Forecast
    from .upstream import Upstream

Outcome = Literal["served", "failed", "left", "cancelled", "refused"]


class Cancellable(Protocol):
    """Work that can be ended from outside, as a cancel scope can."""

    def cancel(self) -> None:
        """End it."""
        ...


class Lease(Struct, frozen=True):
    """The right to send the request to a model server; times in milliseconds."""

    id: str
    model: str
    node: str
    attempt: int
    queue_ms: float
    swap_ms: float
    upstream: Upstream
    spec: ServerSpec


class About(Struct, frozen=True):
    """What is told of a request besides what the scheduler knows."""

    path: str = ""
    method: str = ""
    stream: bool = False
    traceparent: str = ""
    tracestate: str = ""
    internal: bool = False
    """Made by Jano itself, to load a model: appears in no statistics."""


class Ending(Struct, frozen=True):
    """What became of a request. `code` is Jano's error code, `error` a text for people,
    `content_type` that of the server's answer.
    """

    outcome: Outcome
    status: int
    usage: Usage | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    error: str = ""
    code: str = ""
    content_type: str = ""


class Ticket(Struct, eq=False):
    """Made by `Dispatcher.submit`; whoever holds it must call `finish` in the end.

    `id` is the request's, `model` what was asked for. `eta_ms` is what was expected of its wait
    when it came, if that was asked.
    """

    _dispatcher: Dispatcher
    request: Request
    about: About
    id: str
    model: str
    scope: Cancellable | None = None
    """Set by the holder; cancelled when a person cancels the request."""
    current: Lease | None = None
    broken: Lease | None = None
    """The first, when its server broke off and another grant is waited for."""
    resident: bool = False
    """Is the model always up, beside the others?"""
    granted_at: float | None = None
    ttfb_ms: float | None = None
    eta_ms: float | None = None
    ended: bool = False
    _refusal: Refused | None = None
    _news: anyio.Event | None = None

    async def lease(self) -> Lease:
        """Wait for the grant; raises `Refused`."""
        while self.current is None:
            if self._refusal is not None:
                raise self._refusal
            self._news = anyio.Event()
            await self._news.wait()
        return self.current

    async def again(self, why: str) -> Lease:
        """The server broke off before a byte reached the client: wait for a second grant.

        Raises `Refused("upstream_failed")` when this was the second.
        """
        return await self._dispatcher.again(self, why)

    def condemn(self, why: str) -> None:
        """The server hangs: have it ended as if it had crashed."""
        if self.current is not None:
            self._dispatcher.condemn(self.current.model, why)

    def first_byte(self) -> None:
        """The first body byte goes to the client now."""
        if self.ttfb_ms is None and self.granted_at is not None:
            now = self._dispatcher.clock.now()
            self.ttfb_ms = (now - self.granted_at) * 1000
            self._dispatcher.narrator.first_byte(self, self.ttfb_ms, now)

    def waited(self) -> tuple[float, float]:
        """Milliseconds that it waited, or has until now, and how many of them were a swap."""
        if self.current is not None:
            return self.current.queue_ms, self.current.swap_ms
        return (self._dispatcher.clock.now() - self.request.arrived) * 1000, 0.0

    def forecast(self) -> Forecast:
        """What to tell the waiting client."""
        return self._dispatcher.outlook_of(self)

    async def look_ahead(self) -> None:
        """Ask the servers at work how far they are, for `forecast`; in bounded time."""
        await self._dispatcher.prompts.look()

    async def reading(self) -> Reading | None:
        """How far its server is with the prompts that it reads, if it tells."""
        return await self._dispatcher.crew.reading(self.model)

    def finish(self, end: Ending) -> None:
        """End it, waiting or running; later calls do nothing."""
        if not self.ended:
            self._dispatcher.finish(self, end)

    def granted(self, lease: Lease, now: float) -> None:
        """Called by the dispatcher."""
        self.current, self.granted_at = lease, now
        if self._news is not None:
            self._wake()

    def refused(self, refusal: Refused) -> None:
        """Called by the dispatcher."""
        self._refusal, self.ended = refusal, True
        self._wake()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None
