"""What a person may order: load, unload, pin, drain, resume, and the warm-up at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from ..errors import Refused
from ..scheduler import events
from ..scheduler.instance import VACANT
from ..scheduler.types import Priority
from .ticket import Ending

if TYPE_CHECKING:
    from .dispatcher import Dispatcher


class Steward:
    """Orders take effect through the scheduler, so that they never delay another model."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._closed: set[str] = set()
        self.shutting_down = False
        self.warming_up = False
        """Models that are pinned or to be preloaded are being loaded."""

    def admit(self, model: str, internal: bool) -> None:
        """May a request for the model be taken? Raises `Refused`."""
        if self.shutting_down:
            raise Refused("shutting_down", "Jano is shutting down", retry_after=1)
        if model in self._closed and not internal:
            raise Refused("draining", f"{model} takes no new requests: it is being drained")

    async def load(self, model: str) -> None:
        """Load it now and wait until it is ready; raises `Refused`.

        It queues like any urgent request, so that whoever runs or was promised a turn keeps it. A
        model that is left alone for its failures is tried again: whoever orders it may have mended
        it.
        """
        now = self._dispatcher.clock.now()
        self._dispatcher.post(events.Told(at=now, action="forgive", model=model))
        ticket = self._dispatcher.submit(
            model, client="jano", priority=Priority.HIGH, internal=True
        )
        try:
            with anyio.CancelScope() as scope:
                ticket.scope = scope
                await ticket.lease()
        finally:
            ticket.finish(Ending("cancelled", 200))
        if scope.cancelled_caught:
            raise Refused("request_cancelled", "the load was cancelled")

    async def unload(self, model: str | None = None) -> None:
        """Unload one or all after what runs has finished; waits until gone."""
        instances = self._dispatcher.scheduler.node.instances
        names = (
            [model]
            if model is not None
            else [name for name, instance in instances.items() if not instance.model.resident]
        )
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(self._unload, name)

    def pin(self, model: str, on: bool) -> None:
        """Never evict it, or allow it again."""
        now = self._dispatcher.clock.now()
        self._dispatcher.post(events.Told(at=now, action="pin" if on else "unpin", model=model))

    async def drain(self, model: str | None = None) -> None:
        """Take no new requests for one or all models; returns when nothing runs or waits there."""
        scheduler = self._dispatcher.scheduler
        names = {model} if model is not None else set(scheduler.node.instances)
        self._closed |= names
        while any(ticket.model in names for ticket in self._dispatcher.tickets.values()):
            await self._dispatcher.some_end()

    def resume(self, model: str | None = None) -> None:
        """Take requests again."""
        if model is None:
            self._closed.clear()
        else:
            self._closed.discard(model)

    def draining(self) -> frozenset[str]:
        """Models that take no new requests."""
        return frozenset(self._closed)

    async def warm_up(self) -> None:
        """At the start: load what is pinned or to be preloaded, one after the other.

        A failure is in the log and the model's last error; it keeps nobody else from loading.
        """
        instances = self._dispatcher.scheduler.node.instances
        self.warming_up = True
        for name in tuple(instances):
            instance = instances.get(name)
            if instance is None or instance.retired:
                continue  # a reload has taken it away meanwhile
            model = instance.model
            if (model.pinned or model.preload) and not model.resident:
                try:
                    await self.load(name)
                except Refused:
                    continue
        self.warming_up = False

    async def _unload(self, model: str) -> None:
        dispatcher = self._dispatcher
        instance = dispatcher.scheduler.node.instances[model]
        life = instance.life
        dispatcher.post(events.Told(at=dispatcher.clock.now(), action="unload", model=model))
        while instance.state not in VACANT and instance.life == life:
            await dispatcher.moved()
