"""A cumulative histogram as Prometheus understands it: it only ever grows."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import inf

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds for anything between an instant and a long wait."""


class Histogram:
    """Counts of observations up to each bound, with their sum and number."""

    __slots__ = ("_above", "_at", "_below", "_counts", "bounds", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self._at = 0
        """Where the last one was counted: above `_above`, not above `_below`."""
        self._above, self._below = -inf, float(bounds[0])

    def observe(self, value: float) -> None:
        """Count one value; a value equal to a bound belongs below it."""
        if not self._above < value <= self._below:  # seldom: they are much alike
            self._look_up(value)
        self._counts[self._at] += 1
        self.sum += value

    def _look_up(self, value: float) -> None:
        at = self._at = bisect_left(self.bounds, value)
        self._above = float(self.bounds[at - 1]) if at else -inf
        self._below = float(self.bounds[at]) if at < len(self.bounds) else inf

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self._counts)

    def cumulative(self) -> list[int]:
        """For each bound, how many were not above it; the last entry is all of them."""
        return list(accumulate(self._counts))
