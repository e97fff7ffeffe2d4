"""What a waiting client is told: its position, when its turn may come, how far a load is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ..scheduler import forecast as estimate
from ..scheduler.commands import Refuse
from ..scheduler.scheduler import Scheduler
from ..scheduler.types import Request

if TYPE_CHECKING:
    from .ticket import Ticket


class Forecast(Struct, frozen=True):
    """`eta_s` in seconds, None where nothing can be said; `progress` 0..1 of the load under way.

    `loading` is the model that is being loaded for it, empty if none is.
    """

    position: int
    eta_s: float | None
    loading: str = ""
    progress: float | None = None
    note: str = ""


MANY = 50
"""So many waiting requests are too many to forecast for each that comes."""


class Outlook:
    """Estimates for all waiting requests, made at most once per second and change."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._made_at = 0.0
        self._known: dict[str, estimate.Forecast] = {}
        self.stale = True
        """To be set with every event."""
        self.progress: dict[str, tuple[float | None, str]] = {}
        """Model → fraction and note of its load."""
        self.read_by: estimate.ReadBy = estimate.UNTOLD

    def all(self, now: float) -> dict[str, estimate.Forecast]:
        """Estimates by request."""
        if self.stale or now - self._made_at >= 1:
            self._known = estimate.forecast(self._scheduler, now, self.read_by)
            self._made_at, self.stale = now, False
        return self._known

    def told(self, read_by: estimate.ReadBy) -> None:
        """How far servers are with the prompts that they read, as of now."""
        self.read_by = read_by
        self.stale = True

    def at_arrival(self, request: Request, now: float) -> float | None:
        """What is expected of a wait that has just begun, in milliseconds; None where the request
        does not wait, and in a crowd, where that takes long, for all but one a second.
        """
        waiting = self._scheduler.queue.waiting
        if request.id not in waiting:
            return None
        eta_s = estimate.of_last(self._scheduler, request, now, self.read_by)
        if eta_s is not None:
            return eta_s * 1000
        if len(waiting) > MANY and now - self._made_at < 1:
            return None
        expected = self.all(now).get(request.id)
        return None if expected is None else expected.eta_s * 1000

    def of(self, ticket: Ticket, now: float) -> Forecast:
        """What to tell the client of one ticket."""
        known = self.all(now).get(ticket.id)
        instance = self._scheduler.node.instances.get(ticket.model)
        loading = ticket.model if instance and instance.state == "starting" else ""
        fraction, note = self.progress.get(ticket.model, (None, ""))
        return Forecast(
            position=known.position if known else 1,
            eta_s=known.eta_s if known else None,
            loading=loading,
            progress=fraction,
            note=note,
        )

    def retry_after(self, refuse: Refuse, model: str, now: float) -> float | None:
        """When it is worth asking again: from measured times, never a constant."""
        if refuse.retry_after is not None:
            return refuse.retry_after
        if refuse.code == "deadline_exceeded":
            if model not in self._scheduler.node.instances:  # a reload took it away: never again
                return None
            return max(1.0, estimate.expected_wait(self._scheduler, model, now, self.read_by))
        if refuse.code == "queue_full":
            known = estimate.forecast(self._scheduler, now, self.read_by)
            waits = [each.eta_s for each in known.values()]
            return max(1.0, min(waits, default=1.0))
        return None
