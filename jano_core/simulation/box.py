"""The simulated machine: how long loading, unloading and serving take on it."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter

from .trace import CallId, Header

NOISE = 0.08
"""Standard deviation of the logarithm of a load time."""


class Box:
    """One accelerator. Times are seconds of virtual time.

    All running requests share it and are slowed down alike, by `contention` for each further
    model that serves; so one clock of work done is enough, and each request ends at a mark on it.
    """

    def __init__(self, header: Header) -> None:
        self._models = {model.name: model for model in header.models}
        self._contention = header.contention
        self._random = random.Random(header.seed * 7919 + 13)
        self._stopped_at = 0.0
        self._work = 0.0
        self._at = 0.0
        self._active: Counter[str] = Counter()
        self._ends: list[tuple[float, int, CallId, str]] = []
        self._numbers = itertools.count()

    def load_seconds(self, model: str) -> float:
        """How long this load will take; each one differs a little."""
        return self._models[model].load_s * self._random.lognormvariate(0, NOISE)

    def unload_seconds(self, model: str) -> float:
        """How long it takes to put the model away."""
        return self._models[model].unload_s

    def unloaded_at(self, model: str, now: float) -> float:
        """When a model that must go now will be gone: they are put away one after another."""
        self._stopped_at = max(self._stopped_at, now) + self.unload_seconds(model)
        return self._stopped_at

    def start(self, call: CallId, model: str, seconds: float, now: float) -> None:
        """Begin to serve a request."""
        self._advance(now)
        self._active[model] += 1
        heapq.heappush(self._ends, (self._work + seconds, next(self._numbers), call, model))

    def next_end(self) -> float | None:
        """When the next request ends if no other starts before."""
        return self._at + (self._ends[0][0] - self._work) * self._slowness() if self._ends else None

    def end(self, now: float) -> CallId:
        """Take out the request that ends now."""
        self._advance(now)
        _, _, call, model = heapq.heappop(self._ends)
        self._active[model] -= 1
        if not self._active[model]:
            del self._active[model]
        return call

    def _advance(self, now: float) -> None:
        self._work += (now - self._at) / self._slowness()
        self._at = now

    def _slowness(self) -> float:
        return 1 + self._contention * max(0, len(self._active) - 1)
