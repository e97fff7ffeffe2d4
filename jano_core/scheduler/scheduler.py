"""The scheduler: events in, commands out. Whatever a strategy says, the rules here hold.

- Only a ready model with a free slot is served, a request once at a time.
- The busy are never put away: running requests end first.
- What was loaded for a waiting request serves at least one before it may go.
- Pins, memory and the failure budget are kept; a load that nobody waits for is given up.
- Every waiting request is granted or refused in the end, or its client leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from . import events as ev
from .admission import Admission
from .calendar import Calendar
from .commands import AnyCommand, Grant, Note
from .decider import Decider
from .estimates import Estimates
from .health import Health
from .instance import Instance
from .node import Node
from .policy import Policy
from .queue import Queue
from .roster import Roster
from .running import Running
from .swapper import Swapper
from .types import LOCAL, Model, Request, State


class Scheduler:
    """One synchronous state machine; not to be used from more than one task at a time."""

    def __init__(self, models: Iterable[Model], policy: Policy) -> None:
        self.policy = policy
        self.queue = Queue()
        self.aside = Queue()
        """Who may have a resident model, and waits for it; never seen by a strategy."""
        self.running: dict[str, Running] = {}
        self.estimates = Estimates()
        self.health = Health(policy.failure_limit, policy.failure_reset)
        self.node = Node(policy.make_rule({}))
        self.nodes = {LOCAL: self.node}
        self._out: list[AnyCommand] = []
        self.swapper = Swapper(self.node, self.queue, self.estimates, self.emit)
        self.admission = Admission(self)
        self._decider = Decider(self)
        self._calendar = Calendar(self)
        self.roster = Roster(self.node, self.swapper, self.estimates)
        self.roster.configure(models, policy.make_rule)
        self._takes: dict[type[ev.Event], Callable[[Any, float], bool | None]] = {
            ev.Arrived: self._arrived,
            ev.Left: self._left,
            ev.Finished: self._finished,
            ev.Loaded: self._loaded,
            ev.LoadFailed: self._load_failed,
            ev.Unloaded: self._unloaded,
            ev.Crashed: self._crashed,
            ev.Weighed: self._weighed,
            ev.Told: self._told,
            ev.Reconfigured: self._reconfigured,
            ev.Tick: lambda event, now: None,
        }

    def handle(self, event: ev.AnyEvent) -> list[AnyCommand]:
        """Take an event, answer with what must be done now, in order."""
        self._out = []
        now = event.at
        decided = self._takes[type(event)](event, now)
        if decided or self._is_at_rest(now):
            if self._decider.awake:
                self._decider.rest()
        else:
            self.swapper.advance(now)
            self._calendar.keep(now)
            self._serve_residents(now)
            self._decider.decide(now)
            if self.swapper.give_up_unwanted(now):
                self._decider.decide(now)  # somebody else may have that room now
        return self._out

    def next_deadline(self) -> float | None:
        """When `handle(Tick)` must be called if nothing happens before; None: not needed."""
        if self.node.restless or self.queue.waiting or self.aside.waiting:
            return self._calendar.next(self._decider.wake_at)
        return self._decider.wake_at

    def _is_at_rest(self, now: float) -> bool:
        """Nobody waits, nothing moves or is about to by itself, and the strategy has no wish."""
        node = self.node
        if self.queue.waiting or self.aside.waiting or node.swaps or node.intents:
            return False
        if not self.policy.strategy.eager:
            return False
        return not node.restless or all(instance.rests(now) for instance in node.restless)

    # -- what happens to requests

    def _arrived(self, event: ev.Arrived, now: float) -> bool:
        """Returns whether it runs at once and nothing is left to decide."""
        request = event.request
        if self.policy.max_wait and not event.ordered:
            request = self.admission.bounded(request)
        instance = self.node.instances[request.models[0]]
        at_once = self._may_run_at_once(request, instance, now)
        if not at_once and (refusal := self.admission.objection(event.request, now)):
            self.emit(refusal)
            return False
        self.estimates.arrived(instance.name, now, instance.idle_since)
        if request.session:
            self.estimates.sessions.arrived(request, now)
        if at_once:
            self._run(request, instance, now)
        else:
            instance.idle_since = None
            self._queue_of(request).add(request)
        return at_once

    def _may_run_at_once(self, request: Request, instance: Instance, now: float) -> bool:
        """Is it certain to be granted its only model's slot, whoever decides?"""
        return (
            instance.state is State.READY
            and len(instance.in_flight) < instance.slots
            and len(request.models) == 1
            and (request.deadline is None or request.deadline >= now)
            and self._is_at_rest(now)
        )

    def _left(self, event: ev.Left, now: float) -> None:
        gone = self.queue.pop(event.request) or self.aside.pop(event.request)
        if gone is not None:
            self._note_idle(gone, now)

    def grant(self, request: Request, model: str, now: float) -> None:
        """Give a waiting request its slot; the decider has checked that there is one."""
        self._take(request)
        self._run(request, self.node.instances[model], now)

    def _run(self, request: Request, instance: Instance, now: float) -> None:
        instance.in_flight.add(request.id)
        instance.served += 1
        instance.last_used = now
        instance.idle_since = None
        self.running[request.id] = Running(request, instance, instance.life, now)
        arrived, swap_s = request.arrived, 0.0
        if arrived < instance.ready_since:
            swap_s = max(0.0, instance.ready_since - max(arrived, instance.swap_began))
        self._out.append(
            Grant(request.id, instance.name, LOCAL, request.attempt, now - arrived, swap_s)
        )

    def refuse_waiting(
        self, request: Request, code: str, message: str, *, now: float, **more: object
    ) -> None:
        """Answer a waiting request with an error."""
        self._take(request)
        self._note_idle(request, now)
        self.emit(self.admission.refusal(request, code, message, **more))

    def _finished(self, event: ev.Finished, now: float) -> None:
        running = self.running.pop(event.request, None)
        if running is None:
            return
        instance, request = running.instance, running.request
        if running.life == instance.life:
            instance.in_flight.discard(request.id)
            instance.last_used = now
        if event.outcome == "served":
            self.estimates.served(instance.name, now - running.granted)
            self.health.crashes.succeed(instance.name)
        if event.retry:
            self._again(request, event.why, now)
        elif request.session:
            self.estimates.sessions.ended(request, now)
        self._note_idle(request, now)

    def _again(self, request: Request, why: str, now: float) -> None:
        if request.attempt > 1:
            message = f"the model server failed twice; the second time it {why}"
            self.emit(self.admission.refusal(request, "upstream_failed", message))
        elif refusal := self.admission.unavailable(request, now):
            self.emit(refusal)
        else:
            again = replace(request, attempt=request.attempt + 1)
            self._queue_of(request).put_back(again)
            self.emit(Note(kind="requeued", model=again.model, requests=(again.id,), text=why))

    def _serve_residents(self, now: float) -> None:
        for request in tuple(self.aside.waiting.values()):
            for name in request.models:
                instance = self.node.instances[name]
                if instance.model.resident and instance.free:
                    self.grant(request, name, now)
                    break

    # -- what happens to models

    def _loaded(self, event: ev.Loaded, now: float) -> None:
        instance = self.node.instances[event.model]
        if instance.state == "stopped":
            self.swapper.adopt(instance, now)
        elif instance.state == "starting":
            self.health.loads.succeed(event.model)
            self.swapper.loaded(instance, now)
        else:
            return  # its unloading was ordered before this report came
        if event.memory is not None:
            self.roster.weigh(event.model, event.memory, now)
        if not instance.model.resident:
            instance.slots = max(1, event.parallel or instance.model.parallel)

    def _load_failed(self, event: ev.LoadFailed, now: float) -> None:
        instance = self.node.instances[event.model]
        if instance.state != "starting":
            return
        waiting = self._waiting_for(event.model)
        if not (event.kept_out and waiting):  # unasked, it would be tried again and again
            self.health.loads.fail(event.model, now)
        spent = self.health.spent(event.model, now)
        self.swapper.failed(instance, spent, event.message, now)
        for request in waiting:
            if self.admission.lost(request, event.model, now):
                message = f"{event.model} could not be loaded: {event.message}"
                self.refuse_waiting(
                    request, "model_load_failed", message, now=now, detail=event.detail
                )

    def _crashed(self, event: ev.Crashed, now: float) -> None:
        instance = self.node.instances[event.model]
        if not instance.serving:
            return
        self.health.crashes.fail(event.model, now)
        spent = self.health.spent(event.model, now)
        self.swapper.crashed(instance, spent, event.message, now)
        for request in self._waiting_for(event.model) if spent else ():
            if refusal := self.admission.unavailable(request, now):
                self._take(request)
                self.emit(refusal)

    def _unloaded(self, event: ev.Unloaded, now: float) -> None:
        self.swapper.unloaded(self.node.instances[event.model], now)

    def _weighed(self, event: ev.Weighed, now: float) -> None:
        self.roster.weigh(event.model, event.memory, now)

    def _told(self, event: ev.Told, now: float) -> None:
        instance = self.node.instances[event.model]
        if event.action == "unload":
            self.swapper.ask_to_leave(instance, now)
        elif event.action == "forgive":
            self.health.forget(event.model)  # which ends its cool-off
        else:
            instance.pinned = event.action == "pin"
            self.node.unsettle()

    def _reconfigured(self, event: ev.Reconfigured, now: float) -> None:
        self.policy = event.policy
        self.health.configure(event.policy.failure_limit, event.policy.failure_reset)
        moved = self.roster.configure(event.models, event.policy.make_rule)
        self.swapper.reconsider(now)
        for request in (*self.queue, *self.aside):  # who is resident may have changed
            self._take(request)
            self._queue_of(request).add(request)
        for name in sorted(event.changed | moved):
            self.health.forget(name)
            self.estimates.forget(name)
            self.swapper.ask_to_leave(self.node.instances[name], now)

    # -- for all of them

    def _queue_of(self, request: Request) -> Queue:
        for name in request.models:
            if self.node.instances[name].model.resident:
                return self.aside
        return self.queue

    def _take(self, request: Request) -> None:
        self.queue.pop(request.id) or self.aside.pop(request.id)

    def _waiting_for(self, model: str) -> tuple[Request, ...]:
        return self.queue.of(model) + self.aside.of(model)

    def longest_trip(self, now: float) -> float:
        """Seconds of the longest swap there and back that this box can make."""
        known = (self.estimates.stats(each.model, now) for each in self.node.instances.values())
        return 2 * max((stats.load_s + stats.unload_s for stats in known), default=0.0)

    def _note_idle(self, request: Request, now: float) -> None:
        for name in request.models:
            instance = self.node.instances.get(name)
            if instance and instance.serving and not instance.in_flight:
                waits = self.queue.waits_for(name) or self.aside.waits_for(name)
                instance.idle_since = None if waits else now

    def emit(self, command: AnyCommand) -> None:
        """Add a command to the answer."""
        self._out.append(command)
