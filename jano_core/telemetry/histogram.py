"""A cumulative histogram as Prometheus understands it: it only ever grows."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds for anything between an instant and a long wait."""


class Histogram:
    """Counts of observations up to each bound, with their sum and number."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a value equal to a bound belongs below it."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self._counts)

    def cumulative(self) -> list[int]:
        """For each bound, how many were not above it; the last entry is all of them."""
        return list(accumulate(self._counts))
