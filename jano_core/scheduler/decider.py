"""Asks the strategy, checks its plan, carries it out; greedy where the strategy fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import plan_check
from .commands import Note
from .strategy import Strategy
from .types import Plan
from .view import View

if TYPE_CHECKING:
    from .scheduler import Scheduler


class Decider:
    """One decision after every event; `wake_at` is when the strategy wants to be asked again."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._stalled_since: float | None = None
        self.wake_at: float | None = None

    def decide(self, now: float) -> None:
        """Ask for a plan and carry it out."""
        policy = self._scheduler.policy
        self.wake_at = None
        try:
            plan = policy.strategy.decide(self._view(now))
            problem = plan_check.objection(plan, self._scheduler.queue, self._scheduler.nodes)
        except Exception as fault:
            plan, problem = Plan(), f"raised {type(fault).__name__}: {fault}"
        if not problem and self._stalls(plan, now):
            problem = "lets an idle box wait"
        if problem:
            plan = self._fall_back(policy.strategy, policy.fallback, problem, now)
        self._carry_out(plan, now)
        if plan.wake_at is not None and plan.wake_at > now:
            self.wake_at = plan.wake_at
        if self._stalled_since is not None:
            limit = self._stalled_since + policy.stall_limit
            self.wake_at = limit if self.wake_at is None else min(self.wake_at, limit)

    def _fall_back(self, failed: Strategy, fallback: Strategy, problem: str, now: float) -> Plan:
        text = f"{failed.name}: {problem}"
        self._scheduler.emit(Note(kind="strategy_fell_back", model="", text=text))
        plan = fallback.decide(self._view(now))
        if self._is_idle() and not self._acts(plan):
            self._refuse_stuck(now)
        return plan

    def _stalls(self, plan: Plan, now: float) -> bool:
        """Does it let requests wait on an idle box without saying until when, or for too long?"""
        if self._acts(plan) or not len(self._scheduler.queue) or not self._is_idle():
            self._stalled_since = None
            return False
        if self._stalled_since is None:
            self._stalled_since = now
        waited = now - self._stalled_since
        return (
            plan.wake_at is None
            or plan.wake_at <= now
            or waited >= self._scheduler.policy.stall_limit
        )

    def _acts(self, plan: Plan) -> bool:
        loads = plan_check.loads(plan, self._scheduler.nodes)
        return bool(plan.serve or plan.reject or plan.unload or loads)

    def _is_idle(self) -> bool:
        """Nothing runs and nothing moves, so that no event will come by itself."""
        scheduler = self._scheduler
        return not any(
            instance.in_flight or instance.state in ("starting", "stopping")
            for instance in scheduler.node.instances.values()
            if not instance.model.resident
        )

    def _refuse_stuck(self, now: float) -> None:
        """Not even greedy can load what is waited for: pins leave no room."""
        scheduler = self._scheduler
        pinned = [each.name for each in scheduler.node.instances.values() if each.pinned]
        for request in tuple(scheduler.queue):
            scheduler.refuse_waiting(
                request,
                "model_unavailable",
                f"{request.model} does not fit beside the pinned {', '.join(pinned)}",
                now=now,
                should_retry=False,
            )

    def _carry_out(self, plan: Plan, now: float) -> None:
        scheduler = self._scheduler
        for reject in plan.reject:
            request = scheduler.queue.get(reject.request)
            if request is not None:
                scheduler.refuse_waiting(
                    request,
                    "rejected",
                    reject.why or "refused by the scheduling strategy",
                    now=now,
                    status=reject.status,
                    retry_after=reject.retry_after_s,
                )
        served = set()
        for grant in plan_check.serves(plan, scheduler.queue):
            request = scheduler.queue.get(grant.request)
            if request is not None:
                served.add(grant.model)
                scheduler.grant(request, grant.model, now)
        for model in plan.unload:
            instance = scheduler.node.instances[model]
            if instance.serving:
                scheduler.swapper.unload(instance, now)
        loads = plan_check.loads(plan, scheduler.nodes)
        scheduler.swapper.follow(
            [(load.model, evict, load.why) for load, evict in loads], served, now
        )

    def _view(self, now: float) -> View:
        scheduler = self._scheduler
        return View(now, scheduler.queue, scheduler.nodes, scheduler.estimates)
