"""Where the pure scheduler meets the world: events go in, commands are carried out at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from ..clock import Clock
from ..errors import Refused
from ..plugin.contracts import Usage
from ..scheduler import commands, events
from ..scheduler.policy import Policy
from ..scheduler.scheduler import Scheduler
from ..scheduler.types import Model, Priority, Request
from ..telemetry.facts import Facts
from . import snapshot
from .bell import Bell
from .crew import Crew, Kit
from .lengths import Lengths
from .narrator import Narrator
from .outlook import Forecast, Outlook
from .prompts import Prompts
from .steward import Steward
from .ticket import About, Ending, Lease, Outcome, Ticket
from .timekeeper import Timekeeper


class Dispatcher:
    """Owns the scheduler, the crew of supervisors, one timer, and every ticket.

    Everything here runs on one event loop, and between two awaits nothing else does: handing the
    scheduler an event and carrying out its commands is one step that nobody can come between.
    """

    def __init__(
        self, models: Iterable[Model], policy: Policy, kit: Kit, clock: Clock, facts: Facts
    ) -> None:
        self.scheduler = Scheduler(models, policy)
        self.clock = clock
        self.facts = facts
        self.crew = Crew(self, kit)
        self.outlook = Outlook(self.scheduler)
        self.prompts = Prompts(self)
        self.steward = Steward(self)
        self._lengths = Lengths()
        self.tickets: dict[str, Ticket] = {}
        self.last_errors: dict[str, str] = {}
        self.narrator = Narrator(facts, clock, self.scheduler)
        self._pending: deque[events.AnyEvent] = deque()
        self._handling = False
        self._numbers = 0
        self._timekeeper = Timekeeper(self.scheduler.next_deadline, self._tick)
        self._moved = Bell()
        self._ended = Bell()
        self._tasks: TaskGroup | None = None
        self._followed = 0
        self._carries: dict[type[commands.Command], Callable[[Any], None]] = {
            commands.Grant: self._grant,
            commands.Refuse: self._refuse,
            commands.Load: self._load,
            commands.Unload: self._unload,
            commands.Note: self._note,
        }

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; on the way out every model server is ended.

        Reports started when servers that run already have been adopted.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self._follow_models()
            await self.crew.adopt()
            self._tick()
            tasks.start_soon(self.steward.warm_up)
            tasks.start_soon(self.crew.weigher.run)
            task_status.started()
            await self._timekeeper.run()

    # -- the way of a request

    def submit(
        self,
        model: str,
        *,
        path: str = "",
        method: str = "",
        client: str = "",
        owner: str = "",
        priority: Priority = Priority.NORMAL,
        session: str = "",
        deadline_s: float | None = None,
        allow_swap: bool = True,
        length: float | None = None,
        stream: bool = False,
        traceparent: str = "",
        tracestate: str = "",
        internal: bool = False,
    ) -> Ticket:
        """Put a request in the queue; it may be granted before this returns.

        `deadline_s` is how long it may wait, `length` the most tokens that it asks for. Raises
        `Refused` where nothing is taken any more (`shutting_down`, `draining`); every other
        refusal comes from `Ticket.lease`.
        """
        self.steward.admit(model, internal)
        now = self.clock.now()
        self._numbers += 1
        number = f"load-{self._numbers}" if internal else str(self._numbers)
        request = Request(
            number,
            (model,),
            now,
            priority,
            None if deadline_s is None else now + deadline_s,
            allow_swap,
            owner,
            client,
            session,
            self._lengths.expected(client, model, length),
        )
        about = About(path, method, stream, traceparent, tracestate, internal)
        ticket = self.tickets[number] = Ticket(self, request, about, number, model)
        ticket.resident = self.scheduler.node.instances[model].model.resident
        self.narrator.queued(ticket)
        self.post(events.Arrived(now, request, internal))
        if ticket.current is None:
            self.narrator.waits()
            ticket.eta_ms = self.outlook.at_arrival(request, now)
        return ticket

    async def again(self, ticket: Ticket, why: str) -> Lease:
        """See `Ticket.again`."""
        assert ticket.current is not None
        await self.crew[ticket.current.model].verdict(why)
        ticket.broken, ticket.current = ticket.current, None
        now = self.clock.now()
        self.post(events.Finished(at=now, request=ticket.id, outcome="failed", retry=True, why=why))
        return await ticket.lease()

    def condemn(self, model: str, why: str) -> None:
        """See `Ticket.condemn`."""
        self.crew[model].condemn(why)

    def finish(self, ticket: Ticket, end: Ending) -> None:
        """See `Ticket.finish`."""
        del self.tickets[ticket.id]
        ticket.ended = True
        now = self.clock.now()
        if ticket.id in self.scheduler.running:
            if end.usage is not None:
                self._learn(ticket, end.usage)
            outcome = "failed" if end.outcome == "refused" else end.outcome
            self.post(events.Finished(now, ticket.id, outcome))
        else:
            self.post(events.Left(at=now, request=ticket.id))
        self.narrator.ended(ticket, end, now)
        self._ended.ring()

    def cancel(self, request: str) -> bool:
        """A person cancels a request; False if there is none of that id."""
        ticket = self.tickets.get(request)
        if ticket is None:
            return False
        if ticket.scope is not None:
            ticket.scope.cancel()
        return True

    def outlook_of(self, ticket: Ticket) -> Forecast:
        """See `Ticket.forecast`."""
        return self.outlook.of(ticket, self.clock.now())

    # -- the whole

    def snapshot(self) -> snapshot.Snapshot:
        """Everything that is true now."""
        crew, forecasts = self.crew, self.outlook.all(self.clock.now())
        return snapshot.take(
            self.scheduler, self.clock, forecasts, crew.addresses(), self.last_errors, crew.asleep()
        )

    def post(self, event: events.AnyEvent) -> None:
        """Hand the scheduler an event and carry out what it says, in order, before returning."""
        if self._handling:
            self._pending.append(event)
            return
        self._handling = True
        try:
            self._take(event)
            while self._pending:
                self._take(self._pending.popleft())
        finally:
            self._handling = False
        self.outlook.stale = True
        if self.scheduler.roster.edition != self._followed:
            self._follow_models()
        if (due := self.scheduler.next_deadline()) is not None:
            self._timekeeper.expect(due)

    def reconfigure(
        self, models: Iterable[Model], policy: Policy, kit: Kit, changed: frozenset[str]
    ) -> None:
        """Take over a new configuration; `changed` models get a new server when idle. So does one
        that an earlier reload took away and that comes back: it may have been started otherwise.
        """
        self.crew.equip(kit)
        now, known = self.clock.now(), tuple(models)
        gone = {each.name for each in self.scheduler.node.instances.values() if each.retired}
        changed |= gone & {model.name for model in known}
        self.crew.weigher.forget(changed)
        self.post(events.Reconfigured(at=now, models=known, policy=policy, changed=changed))

    async def moved(self) -> None:
        """Wait until some instance changes its state."""
        await self._moved.wait()

    async def some_end(self) -> None:
        """Wait until some request has ended."""
        await self._ended.wait()

    # -- carrying out

    def _take(self, event: events.AnyEvent) -> None:
        for command in self.scheduler.handle(event):
            self._carries[type(command)](command)

    def _load(self, load: commands.Load) -> None:
        self._follow_models()
        self.crew[load.model].load()

    def _unload(self, unload: commands.Unload) -> None:
        self.crew[unload.model].unload()

    def _grant(self, grant: commands.Grant) -> None:
        ticket = self.tickets[grant.request]
        upstream, spec = self.crew.serving(grant.model)
        lease = Lease(
            ticket.id,
            grant.model,
            grant.node,
            grant.attempt,
            grant.queue_s * 1000,
            grant.swap_s * 1000,
            upstream,
            spec,
        )
        now = self.clock.now()
        ticket.granted(lease, now)
        self.narrator.granted(ticket, lease, now)

    def _refuse(self, refuse: commands.Refuse) -> None:
        ticket, now = self.tickets.pop(refuse.request), self.clock.now()
        extra: dict[str, Any] = {}
        if refuse.detail:
            extra["detail"] = refuse.detail
        if refuse.code == "model_not_loaded":
            extra["loaded"] = list(refuse.loaded)
        refusal = Refused(
            refuse.code,
            refuse.message,
            status=refuse.status,
            retry_after=self.outlook.retry_after(refuse, ticket.model, now),
            should_retry=refuse.should_retry,
            **extra,
        )
        ticket.refused(refusal)
        # A server that broke off twice has failed; everything else is Jano's own refusal.
        outcome: Outcome = "failed" if refuse.code == "upstream_failed" else "refused"
        end = Ending(outcome, refusal.status, error=refuse.message, code=refuse.code)
        self.narrator.ended(ticket, end, now)
        self._ended.ring()

    def _learn(self, ticket: Ticket, usage: Usage) -> None:
        self.crew[ticket.model].answered(usage)
        if usage.generated_tokens is not None:
            self._lengths.answered(ticket.request.client, ticket.model, usage.generated_tokens)

    def _note(self, note: commands.Note) -> None:
        if note.kind == "swap_started":
            self.crew.coming_from[note.model] = note.coming_from
        elif note.kind == "state":
            self.outlook.progress.pop(note.model, None)
            self._moved.ring()
        self.crew.prefetch.note(note)
        if note.kind not in ("awaited", "forgone"):
            self.narrator.note(note)

    def _follow_models(self) -> None:
        edition = self.scheduler.roster.edition
        if self._tasks is not None and edition != self._followed:
            self._followed = edition
            self.crew.follow(self._tasks)

    def _tick(self) -> None:
        self.post(events.Tick(at=self.clock.now()))
