"""Asks the strategy, checks its plan, carries it out; greedy where the strategy fails."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from . import plan_check
from .chronicle import Chronicle
from .commands import Note
from .strategy import Strategy
from .types import Plan, Request, State
from .view import View

if TYPE_CHECKING:
    from .scheduler import Scheduler


SOONEST_S = 0.001
"""A strategy is woken this much later at the earliest, so that none can keep the box awake."""


class Decider:
    """One decision after every event; `wake_at` is when the strategy wants to be asked again."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._chronicle = Chronicle(scheduler)
        self._patience_ends: float | None = None
        self.wake_at: float | None = None
        self.awake = False
        """Has it decided anything since it last rested?"""

    def decide(self, now: float) -> None:
        """Ask for a plan and carry it out."""
        policy = self._scheduler.policy
        self.wake_at = None
        self.awake = True
        if self._scheduler.node.is_calm() and self._is_plain(policy.strategy, now):
            self._patience_ends = None
            return
        self._refuse_misfits(now)
        try:
            plan = policy.strategy.decide(self._view(now))
            problem = plan_check.objection(plan, self._scheduler.queue, self._scheduler.nodes)
            if not problem and self._stalls(plan, now):
                problem = "lets requests wait for nothing"
        except Exception as fault:
            plan, problem = Plan(), f"raised {type(fault).__name__}: {fault}"
        if problem:
            plan = self._fall_back(policy.strategy, policy.fallback, problem, now)
        self._carry_out(plan, now)
        self._chronicle.tell(plan, policy.fallback.name if problem else policy.strategy.name)
        if plan.wake_at is not None and now < plan.wake_at < math.inf:
            self.wake_at = max(plan.wake_at, now + SOONEST_S)
        if self._patience_ends is not None and self._patience_ends > now:
            times = (self._patience_ends, self.wake_at)
            self.wake_at = min(time for time in times if time is not None)

    def rest(self) -> None:
        """Nobody waits, and there is nothing to decide."""
        self.wake_at = self._patience_ends = None
        self.awake = False
        self._chronicle.forget()

    def _is_plain(self, strategy: Strategy, now: float) -> bool:
        """Nobody waits, or who does is granted what is free, as now: nothing to choose."""
        scheduler = self._scheduler
        waiting = scheduler.queue.waiting
        if strategy.eager and len(waiting) <= 1:
            for request in tuple(waiting.values()):
                instance = scheduler.node.instances[request.model]
                if instance.state is not State.READY or not instance.free:
                    break
                scheduler.grant(request, instance.name, now)
            if not waiting:
                self._chronicle.forget()
                return True
        return bool(waiting) and strategy.in_turn and self._hand_out(now)

    def _hand_out(self, now: float) -> bool:
        """Grant free slots in turn; False if it takes more to decide than who is next."""
        scheduler, free = self._scheduler, None
        for model in scheduler.queue.models():
            instance = scheduler.node.instances[model]
            if instance.state is not State.READY:
                return False
            if instance.free:
                if free is not None:
                    return False
                free = instance
        if free is not None:
            for request in tuple(islice(scheduler.queue.in_turn(free.name), free.free)):
                scheduler.grant(request, free.name, now)
        self._chronicle.tell_of_slots()
        return True

    def _fall_back(self, failed: Strategy, fallback: Strategy, problem: str, now: float) -> Plan:
        text = f"{failed.name}: {problem}"
        self._scheduler.emit(Note(kind="strategy_fell_back", model="", text=text))
        plan = fallback.decide(self._view(now))
        if self._is_idle() and not self._helps(plan):
            self._refuse_stuck(now)
        return plan

    def _stalls(self, plan: Plan, now: float) -> bool:
        """Do requests wait though nothing runs, nor loads for any of them?

        That is at once a fault on an idle box if the plan does not say until when; otherwise, and
        while models are moved that nobody waits for, when patience ends; from then on `fallback`
        decides until one of them gets something.
        """
        left = len(self._scheduler.queue) - len(plan.reject)
        if not left or self._helps(plan) or self._is_helping():
            self._patience_ends = None
            return False
        if self._patience_ends is None:
            limit = max(self._scheduler.policy.stall_limit, self._scheduler.longest_trip(now))
            self._patience_ends = now + limit
        soon = plan.wake_at is not None and plan.wake_at > now
        patient = soon or self._moves(plan) or not self._is_idle()
        return not patient or now >= self._patience_ends

    def _helps(self, plan: Plan) -> bool:
        """Does it bring a waiting request forward?"""
        loads = plan_check.loads(plan, self._scheduler.nodes)
        wanted = any(self._scheduler.queue.waits_for(load.model) for load, _ in loads)
        return bool(plan.serve or wanted)

    def _moves(self, plan: Plan) -> bool:
        instances = self._scheduler.node.instances
        return bool(plan_check.loads(plan, self._scheduler.nodes)) or any(
            instances[model].serving for model in plan.unload
        )

    def _is_helping(self) -> bool:
        """Does something run, or is a model on its way that somebody waits for?"""
        node, queue = self._scheduler.node, self._scheduler.queue
        return any(queue.waits_for(swap.target) for swap in node.swaps) or any(
            instance.in_flight
            for instance in node.instances.values()
            if not instance.model.resident
        )

    def _is_idle(self) -> bool:
        """Nothing runs and nothing moves, so that no event will come by itself."""
        scheduler = self._scheduler
        return not any(
            instance.in_flight or instance.state in ("starting", "stopping")
            for instance in scheduler.node.instances.values()
            if not instance.model.resident
        )

    def _refuse_misfits(self, now: float) -> None:
        """Pins may leave no room for ever, and a pinned model may be busy for ever."""
        node, queue = self._scheduler.node, self._scheduler.queue
        pinned = {
            each.name
            for each in node.instances.values()
            if each.pinned
            and not each.leaving
            and not each.model.resident
            and (each.serving or each.state == "starting")
        }
        if not pinned:
            return
        occupied = node.occupied()
        misfits = {
            model
            for model in queue.models()
            if model not in occupied and not node.rule.allowed({model, *pinned})
        }
        for model in [each for each in queue.models() if each in misfits]:
            lost = [each for each in queue.of(model) if misfits.issuperset(each.models)]
            self._refuse(lost, sorted(pinned), now)

    def _refuse_stuck(self, now: float) -> None:
        """The residency rule lets not even greedy load what is waited for."""
        instances = self._scheduler.node.instances.values()
        self._refuse(
            tuple(self._scheduler.queue), [each.name for each in instances if each.serving], now
        )

    def _refuse(self, requests: Iterable[Request], beside: list[str], now: float) -> None:
        names = ", ".join(beside)
        for request in requests:
            self._scheduler.refuse_waiting(
                request,
                "model_unavailable",
                f"{request.model} does not fit beside {names}, which may not be evicted",
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
        for load, evict in loads:
            if load.model not in scheduler.node.intents:  # it has begun
                self._refuse_swapless(evict, now)

    def _refuse_swapless(self, evicted: Iterable[str], now: float) -> None:
        """Their model goes for another, and to have it back would take a swap."""
        scheduler = self._scheduler
        for model in evicted:
            for request in scheduler.queue.of(model):
                if not request.allow_swap and not scheduler.admission.is_here(request):
                    text = f"{request.model} makes room for another model"
                    scheduler.refuse_waiting(request, "model_not_loaded", text, now=now)

    def _view(self, now: float) -> View:
        scheduler = self._scheduler
        return View(now, scheduler.queue, scheduler.nodes, scheduler.estimates)
