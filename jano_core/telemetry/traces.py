"""Facts as spans: a trace for each request, and one of its own for each swap.

Imported only where telemetry is exported: it needs OpenTelemetry's SDK.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import names as n
from .endpoints import operation, route
from .facts import (
    Listener,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
    ServerStep,
    SwapEnded,
    SwapStarted,
)

STEPS_KEPT = 64
"""Steps of servers that may wait for the end of the swap they belong to."""

Attributes = dict[str, Any]


class Journey(Struct):
    """The open spans of a request: its own, and that of what it is doing now."""

    queued: RequestQueued
    server: Span
    inside: Context
    now: Span


class Traces(Listener):
    """`provider` names the kind of server behind a model."""

    def __init__(self, tracer: Tracer, provider: Callable[[str], str]) -> None:
        self._tracer = tracer
        self._provider = provider
        self._propagator = TraceContextTextMapPropagator()
        self._journeys: dict[str, Journey] = {}
        self._swaps: dict[int, SwapStarted] = {}
        self._steps: deque[ServerStep] = deque(maxlen=STEPS_KEPT)
        self.hears = {
            RequestQueued: self._queued,
            RequestGranted: self._granted,
            RequestFirstByte: self._first_byte,
            RequestRequeued: self._requeued,
            RequestEnded: self._ended,
            SwapStarted: self._swap_started,
            ServerStep: self._step,
            SwapEnded: self._swapped,
        }

    def onward(self, id: str) -> Mapping[str, str]:
        """The headers that make the model server's spans children of the request's CLIENT span."""
        carrier: dict[str, str] = {}
        if journey := self._journeys.get(id):
            self._propagator.inject(carrier, set_span_in_context(journey.now, Context()))
        return carrier

    def _queued(self, fact: RequestQueued) -> None:
        caller = {"traceparent": fact.traceparent, "tracestate": fact.tracestate}
        about: Attributes = {
            n.METHOD: fact.method,
            n.ROUTE: route(fact.path),
            n.PATH: fact.path,
            n.REQUEST: fact.id,
            n.MODEL: fact.model,
            n.CLIENT: fact.client,
            n.PRIORITY: fact.priority,
        }
        if fact.session:
            about[n.SESSION] = fact.session
        server = self._tracer.start_span(
            n.SPAN_SERVER.format(METHOD=fact.method, route=about[n.ROUTE]),
            self._propagator.extract(caller, Context()),
            SpanKind.SERVER,
            about,
            start_time=_ns(fact.at),
        )
        inside = set_span_in_context(server, Context())
        waiting = self._wait(inside, fact.model, fact.at)
        self._journeys[fact.id] = Journey(fact, server, inside, waiting)

    def _wait(self, inside: Context, model: str, at: float) -> Span:
        about = {n.MODEL: model}
        return self._tracer.start_span(n.SPAN_QUEUE, inside, attributes=about, start_time=_ns(at))

    def _granted(self, fact: RequestGranted) -> None:
        if (journey := self._journeys.get(fact.id)) is None:
            return
        queued = journey.queued
        # The wait as it was measured: both ends on the wall's clock would differ by a rounding.
        at = queued.at + fact.queue_ms / 1000 if fact.attempt == 1 else fact.at
        journey.now.set_attribute(n.SWAP_WAIT, fact.swap_ms)
        journey.now.end(_ns(at))
        asked = operation(queued.path)
        about: Attributes = {
            n.OPERATION: asked,
            n.PROVIDER: self._provider(fact.model),
            n.REQUEST_MODEL: fact.model,
            n.STREAM: queued.stream,
            n.NODE: fact.node,
            n.ATTEMPT: fact.attempt,
            **_address(fact.url),
        }
        name = n.SPAN_CLIENT.format(operation=asked, model=fact.model)
        journey.now = self._tracer.start_span(
            name, journey.inside, SpanKind.CLIENT, about, start_time=_ns(at)
        )

    def _first_byte(self, fact: RequestFirstByte) -> None:
        if journey := self._journeys.get(fact.id):
            journey.now.set_attribute(n.FIRST_CHUNK, fact.ms / 1000)

    def _requeued(self, fact: RequestRequeued) -> None:
        if journey := self._journeys.get(fact.id):
            _fail(journey.now, "upstream_failed", fact.why)
            journey.now.end(_ns(fact.at))
            journey.now = self._wait(journey.inside, fact.model, fact.at)

    def _ended(self, fact: RequestEnded) -> None:
        if journey := self._journeys.pop(fact.id, None):
            _end(journey, fact)

    def _swap_started(self, fact: SwapStarted) -> None:
        self._swaps[fact.swap] = fact

    def _step(self, fact: ServerStep) -> None:
        if fact.step in n.STEPS:
            self._steps.append(fact)

    def _swapped(self, fact: SwapEnded) -> None:
        started = self._swaps.pop(fact.swap, None)
        evicted = started.evict if started else ()
        waiting = [self._journeys[id] for id in fact.requests if id in self._journeys]
        begun = fact.at - fact.seconds
        about: Attributes = {
            n.MODEL: fact.model,
            n.NODE: fact.node,
            n.SWAP: fact.swap,
            n.SWAP_FROM: fact.coming_from,
            n.SWAP_EVICTED: evicted,
            n.SWAP_OUTCOME: fact.outcome,
            n.SWAP_WHY: started.why if started else "",
        }
        swap = self._tracer.start_span(
            n.SPAN_SWAP.format(model=fact.model),
            Context(),
            attributes=about,
            links=[Link(journey.server.get_span_context()) for journey in waiting],
            start_time=_ns(begun),
        )
        inside = set_span_in_context(swap, Context())
        for name, since, until in self._parts(fact, {fact.model, *evicted}, begun):
            part = self._tracer.start_span(name, inside, start_time=_ns(since))
            part.end(_ns(until))
        if fact.outcome == "failed":
            _fail(swap, "load", fact.error)
        swap.end(_ns(fact.at))

    def _parts(
        self, fact: SwapEnded, models: set[str], begun: float
    ) -> list[tuple[str, float, float]]:
        """Name, start and end of everything that the swap was made of."""
        parts, at = [], begun
        for name, seconds in (
            (n.SPAN_DRAIN, fact.drain_s),
            (n.SPAN_STOP, fact.stop_s),
            (n.SPAN_START, fact.start_s - fact.ready_s),
            (n.SPAN_READY, fact.ready_s),
        ):
            if seconds or fact.outcome == "ready":
                parts.append((name, at, at + seconds))
            at += seconds
        for step in [each for each in self._steps if each.model in models and each.at >= begun]:
            self._steps.remove(step)
            parts.append((n.STEPS[step.step], step.at - step.seconds, step.at))
        return parts


def _end(journey: Journey, fact: RequestEnded) -> None:
    at, usage = _ns(fact.at), fact.usage
    problem = fact.code or (str(fact.status) if fact.status >= 400 else "")
    if problem:
        _fail(journey.now, problem, fact.error)
    if usage is not None:
        tokens = {
            n.INPUT_TOKENS: usage.prompt_tokens,
            n.OUTPUT_TOKENS: usage.generated_tokens,
            n.CACHED_TOKENS: usage.cached_tokens,
        }
        for name, count in tokens.items():
            if count is not None:
                journey.now.set_attribute(name, count)
    journey.now.end(at)
    server = journey.server
    server.set_attributes(
        {
            n.STATUS: fact.status,
            n.OUTCOME: fact.outcome,
            n.REQUEST_SIZE: fact.bytes_in,
            n.RESPONSE_SIZE: fact.bytes_out,
        }
    )
    # By convention a server's span is in error when the fault was on its side.
    if fact.status >= 500:
        _fail(server, problem, fact.error)
    server.end(at)


def _fail(span: Span, kind: str, text: str) -> None:
    span.set_attribute(n.ERROR, kind)
    span.set_status(Status(StatusCode.ERROR, text or None))


def _address(url: str) -> Attributes:
    parts = urlsplit(url)
    found: Attributes = {}
    if parts.hostname:
        found[n.ADDRESS] = parts.hostname
    if parts.port:
        found[n.PORT] = parts.port
    return found


def _ns(at: float) -> int:
    return int(at * 1e9)
