"""What time brings: missed deadlines, ends of cool-offs, models that were idle for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .instance import Instance

if TYPE_CHECKING:
    from .scheduler import Scheduler


class Calendar:
    """Looks at those instances only that time may move, so that a large box costs no more."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def keep(self, now: float) -> None:
        """Do what is due."""
        scheduler, swapper = self._scheduler, self._scheduler.swapper
        for request in (*scheduler.queue.overdue(now), *scheduler.aside.overdue(now)):
            scheduler.refuse_waiting(
                request, "deadline_exceeded", "it was not started in time", now=now
            )
        for instance in scheduler.node.restless:
            if instance.state == "cooling" and not scheduler.health.rests(instance, now):
                swapper.recover(instance, now)
            wanted = not instance.retired or self._wanted(instance)
            if instance.state == "stopped" and instance.model.resident and wanted:
                swapper.start_resident(instance, now)
            elif self._may_expire(instance) and now >= instance.last_used + instance.model.ttl:
                swapper.unload(instance, now, "idle")
            elif not wanted:
                scheduler.roster.retire(instance, now)
        swapper.let_go(now)

    def next(self, wake_at: float | None) -> float | None:
        """When something is due, at `wake_at` at the latest; None where nothing ever is."""
        scheduler = self._scheduler
        due = (scheduler.queue.missed_at(), scheduler.aside.missed_at(), wake_at)
        times = [time for time in due if time is not None]
        for instance in scheduler.node.restless:
            if instance.state == "cooling":
                times.append(scheduler.health.well_at(instance))
            elif self._may_expire(instance):
                times.append(instance.last_used + instance.model.ttl)
        return min(times, default=None)

    def _may_expire(self, instance: Instance) -> bool:
        return (
            instance.model.ttl > 0
            and instance.serving
            and not instance.pinned
            and not instance.model.resident
            and not instance.in_flight
            and not self._scheduler.queue.waits_for(instance.name)
        )

    def _wanted(self, instance: Instance) -> bool:
        """Does anybody wait for it, run on it or on what is left of it after a crash, or run
        elsewhere and may need it yet?
        """
        scheduler, name = self._scheduler, instance.name
        waits = scheduler.queue.waits_for(name) or scheduler.aside.waits_for(name)
        return waits or any(
            running.instance is instance or name in running.request.models
            for running in scheduler.running.values()
        )
