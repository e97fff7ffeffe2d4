"""Who is let in, and who is turned away because nothing can be done for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from .commands import Refuse
from .types import Request, State

if TYPE_CHECKING:
    from .scheduler import Scheduler


class Admission:
    """Judges requests by what is configured and by which models have failed too often."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def bounded(self, request: Request) -> Request:
        """The request as it waits where nobody waits longer than the policy's `max_wait`."""
        latest = request.arrived + self._scheduler.policy.max_wait
        deadline = latest if request.deadline is None else min(latest, request.deadline)
        return replace(request, deadline=deadline)

    def objection(self, request: Request, now: float) -> Refuse | None:
        """Why a request that came in now may not wait; None if it may."""
        if unavailable := self.unavailable(request, now):
            return unavailable
        limit = self._scheduler.policy.queue_limit
        waiting = len(self._scheduler.queue.waiting) + len(self._scheduler.aside.waiting)
        if waiting >= limit and not self._is_served_at_once(request):
            return self.refusal(request, "queue_full", f"the queue is full ({limit} requests wait)")
        due = request.deadline is not None and request.deadline <= now
        if due and not self._is_served_at_once(request):
            return self.refusal(request, "deadline_exceeded", "it could not be started at once")
        if not request.allow_swap and not self.is_here(request):
            return self.refusal(request, "model_not_loaded", f"{request.model} is not loaded")
        return None

    def unavailable(self, request: Request, now: float) -> Refuse | None:
        """The refusal for a request whose every model has failed too often."""
        chances = self._chances(request)
        for name in chances:
            if not self._is_cooling(name, now):
                return None
        health, limit = self._scheduler.health, self._scheduler.policy.failure_limit
        instances = self._scheduler.node.instances
        rest = max(0.0, min(health.well_at(instances[name]) for name in chances) - now)
        return self.refusal(
            request,
            "model_unavailable",
            f"{request.model} is unavailable: {limit} consecutive swap failures; it will be tried "
            f"again in {rest:.0f} s",
            retry_after=rest,
            should_retry=False,
        )

    def lost(self, request: Request, failed: str, now: float) -> bool:
        """Now that `failed` could not be loaded: is no other of its models left?"""
        chances = self._chances(request)
        return all(name == failed or self._is_cooling(name, now) for name in chances)

    def is_here(self, request: Request) -> bool:
        """Is one of its models loaded and stays, or is one on its way?"""
        instances = (self._scheduler.node.instances[name] for name in request.models)
        return any(
            (each.serving and not each.leaving) or each.state == State.STARTING
            for each in instances
        )

    def refusal(self, request: Request, code: str, message: str, **more: object) -> Refuse:
        """The command that answers a request with an error."""
        instances = self._scheduler.node.instances
        loaded = tuple(
            name for name, each in instances.items() if each.serving and not each.leaving
        )
        return Refuse(
            request=request.id,
            code=code,
            message=message,
            **{"loaded": loaded, **more},  # type: ignore[arg-type]
        )

    def _chances(self, request: Request) -> tuple[str, ...]:
        """Who could serve it: if one of its models is always up, that one and no other."""
        if len(request.models) == 1:
            return request.models
        instances = self._scheduler.node.instances
        residents = tuple(name for name in request.models if instances[name].model.resident)
        return residents or request.models

    def _is_cooling(self, model: str, now: float) -> bool:
        instance = self._scheduler.node.instances[model]
        return instance.state is State.COOLING and self._scheduler.health.spent(model, now)

    def _is_served_at_once(self, request: Request) -> bool:
        """It would not add to the queue: a slot is free and nobody stands before it."""
        scheduler = self._scheduler
        return any(
            (instance := scheduler.node.instances[name]).state == State.READY
            and instance.free > 0
            and not scheduler.queue.waits_for(name)
            and not scheduler.aside.waits_for(name)
            for name in request.models
        )
