"""Turns what was decided and what became of requests into facts."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock
from ..scheduler.commands import Note
from ..scheduler.health import Health
from ..telemetry import facts as f
from .ticket import Ending, Ticket


class Narrator:
    """Knows how things read as facts. Jano's own requests are not told."""

    def __init__(
        self,
        facts: f.Facts,
        clock: Clock,
        is_resident: Callable[[str], bool],
        health: Health,
    ) -> None:
        self._facts = facts
        self._clock = clock
        self._is_resident = is_resident
        self._health = health
        self._lived_at: dict[str, float] = {}
        """Model being loaded → when its server's process lived."""

    def queued(self, ticket: Ticket) -> None:
        """A request came in."""
        request = ticket.request
        if not ticket.about.internal:
            self._facts.emit(
                f.RequestQueued(
                    at=self._clock.wall(request.arrived),
                    id=request.id,
                    model=request.model,
                    path=ticket.about.path,
                    method=ticket.about.method,
                    client=request.client,
                    session=request.session,
                    priority=request.priority.label,
                    stream=ticket.about.stream,
                    resident=self._is_resident(request.model),
                    traceparent=ticket.about.traceparent,
                    tracestate=ticket.about.tracestate,
                )
            )

    def granted(self, ticket: Ticket) -> None:
        """It has its slot."""
        lease = ticket.current
        if lease is not None and not ticket.about.internal:
            self._facts.emit(
                f.RequestGranted(
                    at=self._clock.wall(),
                    id=ticket.id,
                    model=lease.model,
                    node=lease.node,
                    attempt=lease.attempt,
                    queue_ms=lease.queue_ms,
                    swap_ms=lease.swap_ms,
                    eta_ms=ticket.eta_ms,
                    url=lease.upstream.url,
                )
            )

    def first_byte(self, ticket: Ticket, ms: float) -> None:
        """Its first body byte passed."""
        self._facts.emit(
            f.RequestFirstByte(at=self._clock.wall(), id=ticket.id, model=ticket.model, ms=ms)
        )

    def ended(self, ticket: Ticket, end: Ending) -> None:
        """It is over."""
        if ticket.about.internal:
            return
        request, lease = ticket.request, ticket.current
        self._facts.emit(
            f.RequestEnded(
                at=self._clock.wall(),
                id=ticket.id,
                model=request.model,
                outcome=end.outcome,
                status=end.status,
                total_ms=(self._clock.now() - request.arrived) * 1000,
                queue_ms=lease.queue_ms if lease else None,
                swap_ms=lease.swap_ms if lease else None,
                ttfb_ms=ticket.ttfb_ms,
                usage=end.usage,
                bytes_in=end.bytes_in,
                bytes_out=end.bytes_out,
                client=request.client,
                session=request.session,
                priority=request.priority.label,
                path=ticket.about.path,
                code=end.code,
                error=end.error,
                attempt=lease.attempt if lease else 1,
                resident=self._is_resident(request.model),
                content_type=end.content_type,
                fails=self._health.count(request.model, self._clock.now())
                if end.code == "model_unavailable"
                else 0,
            )
        )

    def step(self, model: str, step: str, seconds: float) -> None:
        """A step in the life of a model's server is done."""
        if step == "start":
            self._lived_at[model] = self._clock.now()
        at = self._clock.wall()
        self._facts.emit(f.ServerStep(at=at, model=model, step=step, seconds=seconds))

    def note(self, note: Note) -> None:
        """Something that the scheduler noted."""
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
                fact = f.RequestRequeued(at=at, id=note.requests[0], model=note.model)
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
            ready_s=now - self._lived_at.pop(note.model, now),
            requests=note.requests,
            error=note.text if note.kind != "swap_ready" else "",
            fails=self._health.loads.count(note.model, now) if note.kind == "swap_failed" else 0,
        )
