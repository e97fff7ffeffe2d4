"""How often a model may fail in a row before it is left alone for a while."""

from __future__ import annotations

import math


class FailureBudget:
    """Counts consecutive failures per model; silence longer than `reset` seconds forgives.

    The rules are those of the original Jano: a failure adds to the stored count and moves the
    mark, a success forgets, and forgiveness needs strictly more than `reset` seconds.
    """

    def __init__(self, limit: int, reset: float) -> None:
        if not (math.isfinite(limit) and limit >= 1):
            raise ValueError(f"FailureBudget.limit must be >= 1, got {limit}")
        if not (math.isfinite(reset) and reset >= 0):
            raise ValueError(f"FailureBudget.reset must be >= 0, got {reset}")
        self.limit = limit
        self.reset = reset
        self._failures: dict[str, tuple[int, float]] = {}

    def count(self, model: str, now: float) -> int:
        """Failures that still count."""
        failures, last = self._failures.get(model, (0, now))
        if now - last > self.reset:
            del self._failures[model]
            return 0
        return failures

    def exceeded(self, model: str, now: float) -> bool:
        """Is the budget spent?"""
        return self.count(model, now) >= self.limit

    def forgiven_at(self, model: str) -> float:
        """When the last failure will be forgotten."""
        return self._failures[model][1] + self.reset

    def fail(self, model: str, now: float) -> None:
        """Record a failure."""
        self._failures[model] = (self._failures.get(model, (0, 0.0))[0] + 1, now)

    def succeed(self, model: str) -> None:
        """Forget the model's failures."""
        self._failures.pop(model, None)

    def knows(self, model: str) -> bool:
        """Has it a failure on record?"""
        return model in self._failures
