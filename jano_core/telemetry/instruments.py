"""Facts as OpenTelemetry metrics. Imported only where telemetry is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.metrics import Histogram, Meter, UpDownCounter

from . import names as n
from .counters import NOTHING_LOADED, failure_in, phases
from .endpoints import operation
from .facts import (
    Fact,
    Listener,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    RequestQueued,
    RequestRequeued,
    ServerCrashed,
    SwapEnded,
)
from .histogram import SECONDS

TOKENS = tuple(4**power for power in range(14))
"""The bounds that the convention advises for counts of tokens."""
PER_TOKEN_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
"""And for the time of one token."""

Attributes = dict[str, Any]


class Instruments(Listener):
    """`provider` names the kind of server behind a model."""

    def __init__(self, meter: Meter, provider: Callable[[str], str]) -> None:
        self._provider = provider
        self._tokens = _histogram(meter, n.TOKEN_USAGE, TOKENS)
        self._server_seconds = _histogram(meter, n.SERVER_DURATION)
        self._first_token = _histogram(meter, n.FIRST_TOKEN)
        self._per_token = _histogram(meter, n.PER_TOKEN, PER_TOKEN_SECONDS)
        self._request_seconds = _histogram(meter, n.REQUEST_DURATION)
        self._queue_seconds = _histogram(meter, n.QUEUE_WAIT)
        self._swap_seconds = _histogram(meter, n.SWAP_DURATION)
        self._swaps = meter.create_counter(n.SWAPS, *_about(n.SWAPS))
        self._failures = meter.create_counter(n.FAILURES, *_about(n.FAILURES))
        self._depth = meter.create_up_down_counter(n.QUEUE_DEPTH, *_about(n.QUEUE_DEPTH))
        self._in_flight = meter.create_up_down_counter(n.IN_FLIGHT, *_about(n.IN_FLIGHT))
        self._under_way: dict[str, tuple[RequestQueued, UpDownCounter]] = {}
        """Request → what was asked, and whether it waits or runs."""
        self.hears = {
            RequestQueued: self._queued,
            RequestGranted: self._granted,
            RequestRequeued: self._requeued,
            RequestFirstByte: self._first_byte,
            RequestEnded: self._ended,
            SwapEnded: self._swapped,
            ServerCrashed: self._failed,
        }

    def _queued(self, fact: RequestQueued) -> None:
        self._under_way[fact.id] = fact, self._depth
        self._depth.add(1, {n.MODEL: fact.model})

    def _granted(self, fact: RequestGranted) -> None:
        self._move(fact.id, self._in_flight)
        if fact.attempt == 1:
            self._queue_seconds.record(fact.queue_ms / 1000, {n.MODEL: fact.model})

    def _requeued(self, fact: RequestRequeued) -> None:
        self._move(fact.id, self._depth)

    def _first_byte(self, fact: RequestFirstByte) -> None:
        if fact.id in self._under_way:
            queued, _ = self._under_way[fact.id]
            self._first_token.record(fact.ms / 1000, self._of_model(queued))

    def _ended(self, fact: RequestEnded) -> None:
        if fact.id in self._under_way:
            self._measured(fact)
        self._failed(fact)

    def _swapped(self, fact: SwapEnded) -> None:
        if fact.outcome == "ready":
            transition = {n.SWAP_FROM: fact.coming_from or NOTHING_LOADED, n.MODEL: fact.model}
            self._swaps.add(1, transition)
            for phase, seconds in phases(fact):
                self._swap_seconds.record(seconds, {**transition, n.PHASE: phase})
        self._failed(fact)

    def _failed(self, fact: Fact) -> None:
        if failure := failure_in(fact):
            model, kind = failure
            self._failures.add(1, {n.MODEL: model, n.KIND: kind})

    def _move(self, id: str, to: UpDownCounter) -> None:
        if id in self._under_way:
            queued, now = self._under_way[id]
            now.add(-1, {n.MODEL: queued.model})
            to.add(1, {n.MODEL: queued.model})
            self._under_way[id] = queued, to

    def _measured(self, fact: RequestEnded) -> None:
        queued, now = self._under_way.pop(fact.id)
        now.add(-1, {n.MODEL: queued.model})
        seconds = fact.total_ms / 1000
        self._request_seconds.record(seconds, {n.MODEL: fact.model, n.OUTCOME: fact.outcome})
        if fact.queue_ms is None:
            return
        about = self._of_model(queued)
        if usage := fact.usage:
            if usage.prompt_tokens is not None:
                self._tokens.record(usage.prompt_tokens, {**about, n.TOKEN_TYPE: "input"})
            if usage.generated_tokens is not None:
                self._tokens.record(usage.generated_tokens, {**about, n.TOKEN_TYPE: "output"})
            if usage.generated_per_second:
                self._per_token.record(1 / usage.generated_per_second, about)
        if fact.code or fact.status >= 400:
            about[n.ERROR] = fact.code or str(fact.status)
        self._server_seconds.record(seconds - fact.queue_ms / 1000, about)

    def _of_model(self, queued: RequestQueued) -> Attributes:
        return {
            n.OPERATION: operation(queued.path),
            n.PROVIDER: self._provider(queued.model),
            n.REQUEST_MODEL: queued.model,
        }


def _histogram(meter: Meter, name: str, bounds: tuple[float, ...] = SECONDS) -> Histogram:
    unit, about = _about(name)
    return meter.create_histogram(name, unit, about, explicit_bucket_boundaries_advisory=bounds)


def _about(name: str) -> tuple[str, str]:
    return n.NAMES[name].unit, n.NAMES[name].about
