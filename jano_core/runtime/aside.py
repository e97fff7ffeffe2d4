"""Calls that need a model's server, but not the model: they pass beside the queue."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..errors import Refused
from ..scheduler.types import Request
from .ticket import About, Ending, Lease, Ticket

if TYPE_CHECKING:
    from .dispatcher import Dispatcher

_numbers = itertools.count(1)


class Aside(Ticket):
    """A ticket that was never in the queue: it holds no slot, is in no statistics, and a page that
    stays open for days keeps nothing in memory.
    """

    async def again(self, why: str) -> Lease:
        """There is no second lease. Raises `Refused("upstream_failed")`."""
        raise Refused("upstream_failed", f"the server of {self.model} {why}")

    def condemn(self, why: str) -> None:
        """Whether the server hangs is judged by the model's own requests."""

    def first_byte(self) -> None:
        """Not counted."""

    def finish(self, end: Ending) -> None:
        """Nobody else needs to know."""
        self.ended = True


@asynccontextmanager
async def aside(
    dispatcher: Dispatcher, model: str, about: About, *, standing: bool
) -> AsyncIterator[Ticket]:
    """A granted ticket for a server that is up. `standing`: it is up without Jano, at its url.

    Raises `Refused("model_not_loaded")` where there is none: such a call wakes nobody.
    """
    crew, now = dispatcher.crew, dispatcher.clock.now()
    spec = crew.spec(model)
    running = crew[model].upstream
    upstream = running or (crew.kit(model).connect(spec.url) if standing else None)
    if upstream is None:
        raise Refused("model_not_loaded", f"the server of {model} is not running")
    request = Request(id=f"aside-{next(_numbers)}", models=(model,), arrived=now)
    ticket = Aside(dispatcher, request, about, request.id, model)
    lease = Lease(request.id, model, "local", 1, 0.0, 0.0, upstream, spec)
    ticket.granted(lease, now)
    try:
        yield ticket
    finally:
        if upstream is not running:
            await upstream.aclose()
