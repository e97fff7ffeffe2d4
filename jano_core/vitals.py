"""How the house is: what a service manager and its people hear of it."""

from __future__ import annotations

from .clock import Clock
from .runtime.bell import Bell
from .runtime.dispatcher import Dispatcher
from .scheduler.events import Tick
from .telemetry.facts import Facts


class Vitals:
    """A `Subject` of the notifier."""

    def __init__(self, dispatcher: Dispatcher, facts: Facts, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._facts = facts
        self._clock = clock
        self._news: Bell | None = None

    @property
    def preloading(self) -> bool:
        """Models are being loaded that nobody has asked for yet."""
        return self._dispatcher.steward.warming_up

    def pulse(self) -> str:
        """Let the scheduler handle a tick, and say how things are in one line for people, such as
        `chat ready, code starting; 2 running, 3 waiting`.
        """
        self._dispatcher.post(Tick(at=self._clock.now()))
        scheduler = self._dispatcher.scheduler
        models = [
            f"{name} {instance.state}"
            for name, instance in scheduler.node.instances.items()
            if instance.state != "stopped" and not instance.model.resident
        ]
        running = len(scheduler.running)
        waiting = len(self._dispatcher.tickets) - running
        return f"{', '.join(models) or 'no model loaded'}; {running} running, {waiting} waiting"

    async def changed(self) -> None:
        """Return at the next fact. Facts are listened to from the first call on."""
        if self._news is None:
            news = self._news = Bell()
            self._facts.subscribe(lambda fact: news.ring())
        await self._news.wait()
