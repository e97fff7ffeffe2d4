"""How far servers are with the prompts that they read: for the estimates of those who wait."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

from ..scheduler.instance import Instance

if TYPE_CHECKING:
    from .dispatcher import Dispatcher
    from .ticket import Ticket

EVERY_S = 1.0
PATIENCE_S = 1.0
"""A server that computes may not answer; who waits for a sign of life is not kept from it."""


class Prompts:
    """Asks the servers that read prompts, when somebody who waits would like to know."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._asked_at = -math.inf

    async def look(self) -> None:
        """Tell the outlook how far they are; at most once a second, and in bounded time."""
        dispatcher, read_by = self._dispatcher, dict[str, float]()
        now = dispatcher.clock.now()
        if now - self._asked_at < EVERY_S:
            return
        self._asked_at = now
        with anyio.move_on_after(PATIENCE_S):
            for instance in tuple(dispatcher.scheduler.node.instances.values()):
                if ticket := self._reader(instance):
                    read_by |= await self._ask(ticket)
            dispatcher.outlook.told(read_by)

    def _reader(self, instance: Instance) -> Ticket | None:
        """The request whose prompt its server reads. If several are silent, it cannot be known
        which one the server means.
        """
        if instance.model.resident:
            return None
        tickets = [self._dispatcher.tickets.get(each) for each in instance.in_flight]
        silent = [ticket for ticket in tickets if ticket and ticket.ttfb_ms is None]
        return silent[0] if len(silent) == 1 else None

    async def _ask(self, ticket: Ticket) -> dict[str, float]:
        """When its prompt will have been read, if it goes on as it did since it was granted."""
        reading, began = await ticket.reading(), ticket.granted_at
        if reading is None or not reading.total or not reading.tokens or began is None:
            return {}
        elapsed = self._dispatcher.clock.now() - began
        return {ticket.id: began + elapsed * reading.total / reading.tokens}
