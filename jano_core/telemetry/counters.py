"""What only grows: the totals and histograms behind `/metrics` and `/status`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import partial
from typing import Any

from .facts import (
    Fact,
    Listener,
    RequestEnded,
    RequestFirstByte,
    RequestGranted,
    ServerCrashed,
    StrategyFellBack,
    SwapEnded,
)
from .histogram import Histogram

SWAP_BOUNDS_MS = (1000, 5000, 15000, 30000, 60000, 120000, 300000)
NOTHING_LOADED = "(none)"
"""What a swap comes from when no model was in use before."""
SUCCESS = range(200, 300)
"""What the server itself must have said of a request that was passed on whole."""
MOST_CLIENTS = 100
OTHERS = "(others)"
"""Stands for every client after the first hundred: callers must not choose how much is kept."""

Transition = tuple[str, str]

_numbers = partial(defaultdict[Any, int], int)
"""Counts by name. A `Counter` is set in Python's own steps, which takes five times as long."""


class Counters(Listener):
    """Totals since the start. Requests of resident models are in the families that Jano added
    (durations, waits, failures) and in none that the original had.
    """

    def __init__(self) -> None:
        self.served: dict[str, int] = _numbers()
        self.generated_tokens: dict[str, int] = _numbers()
        self.prompt_tokens = 0
        self.errors = 0
        self.swaps: dict[Transition, int] = _numbers()
        self.swap_ms: dict[Transition, int] = _numbers()
        self.swap_ms_histogram = Histogram(SWAP_BOUNDS_MS)
        self.phase_seconds: defaultdict[tuple[str, str, str], float] = defaultdict(float)
        self.request_seconds: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.queue_seconds: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.first_token_seconds: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.eta_error_seconds: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.swap_wait_seconds: defaultdict[str, float] = defaultdict(float)
        """Client → what its requests waited for swaps."""
        self.failures: dict[tuple[str, str], int] = _numbers()
        self.fallbacks = 0
        self.hears = {
            RequestGranted: self._granted,
            RequestFirstByte: self._first_byte,
            RequestEnded: self._ended,
            SwapEnded: self._swapped,
            ServerCrashed: self._failed,
            StrategyFellBack: self._fell_back,
        }

    def _granted(self, fact: RequestGranted) -> None:
        if fact.attempt > 1:
            return
        self.queue_seconds[fact.model].observe(fact.queue_ms / 1000)
        if fact.eta_ms is not None:
            error_ms = abs(fact.queue_ms - fact.eta_ms)
            self.eta_error_seconds[fact.model].observe(error_ms / 1000)

    def _first_byte(self, fact: RequestFirstByte) -> None:
        self.first_token_seconds[fact.model].observe(fact.ms / 1000)

    def _ended(self, fact: RequestEnded) -> None:
        self.request_seconds[fact.model, fact.outcome].observe(fact.total_ms / 1000)
        if fact.swap_ms:
            client = known_client(self.swap_wait_seconds, fact.client)
            self.swap_wait_seconds[client] += fact.swap_ms / 1000
        if fact.outcome != "served":
            self._failed(fact)
            return
        if fact.resident or fact.status not in SUCCESS:
            return
        self.served[fact.model] += 1
        if usage := fact.usage:
            self.generated_tokens[fact.model] += usage.generated_tokens or 0
            self.prompt_tokens += usage.prompt_tokens or 0

    def _failed(self, fact: Fact) -> None:
        if failure := failure_in(fact):
            self.failures[failure] += 1
        self.errors += error_in(fact) is not None

    def _fell_back(self, fact: StrategyFellBack) -> None:
        self.fallbacks += 1

    def _swapped(self, fact: SwapEnded) -> None:
        if fact.outcome != "ready":
            self._failed(fact)
            return
        transition = (fact.coming_from or NOTHING_LOADED, fact.model)
        milliseconds = swap_ms(fact)
        self.swaps[transition] += 1
        self.swap_ms[transition] += milliseconds
        self.swap_ms_histogram.observe(milliseconds)
        for phase, seconds in phases(fact):
            self.phase_seconds[*transition, phase] += seconds


def known_client(known: Collection[str], client: str) -> str:
    """The name under which a client is counted beside those already `known`."""
    return client if client in known or len(known) < MOST_CLIENTS else OTHERS


def swap_ms(fact: SwapEnded) -> int:
    """The swap proper, stopping and starting, without the requests that ran out before it."""
    return round((fact.seconds - fact.drain_s) * 1000)


def phases(fact: SwapEnded) -> tuple[tuple[str, float], ...]:
    """What a swap was made of, in seconds that add up to all of it."""
    return (
        ("drain", fact.drain_s),
        ("stop", fact.stop_s),
        ("start", fact.start_s - fact.ready_s),
        ("ready", fact.ready_s),
    )


def failure_in(fact: Fact) -> tuple[str, str] | None:
    """The model and the kind of failure if the fact is one."""
    match fact:
        case SwapEnded(outcome="failed"):
            return fact.model, "load"
        case ServerCrashed():
            return fact.model, "crash"
        case RequestEnded(outcome="failed" | "refused"):
            return fact.model, fact.code or "upstream_failed"
    return None


def error_in(fact: Fact) -> str | None:
    """The message if the fact is an error of a model server, otherwise None.

    One failed load is one error, however many requests waited for it.
    """
    match fact:
        case SwapEnded(outcome="failed"):
            return f"swap failed: {fact.error}"
        case ServerCrashed():
            return f"server crashed: {fact.why}"
        case RequestEnded(outcome="failed", resident=False):
            return fact.error or fact.code
        case RequestEnded(outcome="refused", code="model_unavailable", resident=False):
            return f"fail-fast: {fact.error}"
    return None
