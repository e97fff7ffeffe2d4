"""Turns what was decided and what became of requests into facts."""

from __future__ import annotations

from ..clock import Clock
from ..scheduler.commands import Note
from ..scheduler.scheduler import Scheduler
from ..telemetry import facts as f
from .ticket import Ending, Lease, Ticket


class Narrator:
    """Knows how things read as facts. Jano's own requests are not told."""

    def __init__(
        self,
        facts: f.Facts,
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        self._facts = facts
        self._clock = clock
        self._ahead = clock.ahead
        self._instances = scheduler.node.instances
        self._health = scheduler.health
        self._lived_at: dict[str, float] = {}
        """Model being loaded → when its server's process lived."""
        self._coming: Ticket | None = None
        """Who has just come, while nothing has followed from that."""

    def queued(self, ticket: Ticket) -> None:
        """A request came in."""
        request, about = ticket.request, ticket.about
        if not about.internal:
            self._coming = ticket
            self._facts.emit(
                f.RequestQueued(
                    request.arrived + self._ahead,
                    request.id,
                    ticket.model,
                    about.path,
                    about.method,
                    request.client,
                    request.session,
                    request.priority.label,
                    about.stream,
                    ticket.resident,
                    about.traceparent,
                    about.tracestate,
                )
            )

    def waits(self) -> None:
        """Whoever has just come, if somebody has, is still there: it waits."""
        if (ticket := self._coming) is not None:
            self._coming = None
            at = ticket.request.arrived + self._ahead
            self._facts.emit(f.RequestWaits(at, ticket.id, ticket.model, ticket.resident))

    def granted(self, ticket: Ticket, lease: Lease, now: float) -> None:
        """It has its slot."""
        if ticket is self._coming:
            self._coming = None
        else:
            self.waits()
        if not ticket.about.internal:
            self._facts.emit(
                f.RequestGranted(
                    now + self._ahead,
                    ticket.id,
                    lease.model,
                    lease.node,
                    lease.attempt,
                    lease.queue_ms,
                    lease.swap_ms,
                    ticket.eta_ms,
                    lease.upstream.url,
                    ticket.resident,
                )
            )

    def first_byte(self, ticket: Ticket, ms: float, now: float) -> None:
        """Its first body byte passed."""
        self._facts.emit(f.RequestFirstByte(now + self._ahead, ticket.id, ticket.model, ms))

    def ended(self, ticket: Ticket, end: Ending, now: float) -> None:
        """It is over."""
        if self._coming is not None:
            if ticket is self._coming:
                self._coming = None  # refused at once
            else:
                self.waits()
        about = ticket.about
        if about.internal:
            return
        request, lease = ticket.request, ticket.current or ticket.broken
        queue_ms, swap_ms, attempt = None, None, 1
        if lease is not None:
            queue_ms, swap_ms, attempt = lease.queue_ms, lease.swap_ms, lease.attempt
        self._facts.emit(
            f.RequestEnded(
                now + self._ahead,
                ticket.id,
                ticket.model,
                end.outcome,
                end.status,
                (now - request.arrived) * 1000,
                queue_ms,
                swap_ms,
                ticket.ttfb_ms,
                end.usage,
                end.bytes_in,
                end.bytes_out,
                request.client,
                request.session,
                request.priority.label,
                about.path,
                end.code,
                end.error,
                attempt,
                ticket.resident,
                end.content_type,
                self._health.count(ticket.model, now) if end.code == "model_unavailable" else 0,
            )
        )

    def step(self, model: str, step: str, seconds: float) -> None:
        """A step in the life of a model's server is done."""
        self.waits()
        if step == "start":
            self._lived_at[model] = self._clock.now()
        at = self._clock.wall()
        self._facts.emit(f.ServerStep(at=at, model=model, step=step, seconds=seconds))

    def note(self, note: Note) -> None:
        """Something that the scheduler noted."""
        self.waits()
        at = self._clock.wall()
        match note.kind:
            case "state":
                fact: f.Fact = f.InstanceChanged(
                    at=at,
                    model=note.model,
                    node=note.node,
                    state=note.state,
                    why=note.text,
                    resident=self._is_resident(note.model),
                )
            case "swap_started":
                fact = f.SwapStarted(
                    at=at,
                    swap=note.swap or 0,
                    model=note.model,
                    node=note.node,
                    evict=note.evicted,
                    why=note.text,
                    requests=note.requests,
                )
            case "requeued":
                request, why = note.requests[0], note.text
                fact = f.RequestRequeued(at=at, id=request, model=note.model, why=why)
            case "decision":
                fact = f.Decided(
                    at=at,
                    model=note.model,
                    rule=note.rule,
                    text=note.text,
                    ahead=note.requests,
                    evicted=note.evicted,
                )
            case "strategy_fell_back":
                strategy, _, why = note.text.partition(": ")
                fact = f.StrategyFellBack(at=at, strategy=strategy, why=why)
            case _:
                fact = self._swap_ended(note, at)
        self._facts.emit(fact)

    def _is_resident(self, model: str) -> bool:
        instance = self._instances.get(model)
        return instance is not None and instance.model.resident

    def _swap_ended(self, note: Note, at: float) -> f.SwapEnded:
        drain_s, stop_s, start_s = note.phases or (0.0, 0.0, 0.0)
        now = self._clock.now()
        return f.SwapEnded(
            at=at,
            swap=note.swap or 0,
            model=note.model,
            node=note.node,
            outcome=note.kind.removeprefix("swap_"),
            coming_from=note.coming_from,
            seconds=drain_s + stop_s + start_s,
            drain_s=drain_s,
            stop_s=stop_s,
            start_s=start_s,
            # A part of the start, though the clock may have ticked since the scheduler read it.
            ready_s=min(start_s, now - self._lived_at.pop(note.model, now)),
            requests=note.requests,
            error=note.text if note.kind != "swap_ready" else "",
            fails=self._health.loads.count(note.model, now) if note.kind == "swap_failed" else 0,
        )
