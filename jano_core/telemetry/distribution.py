"""The distribution of measured speeds: equal bins and three percentiles."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, log2
from typing import Any

FEWEST_BINS = 5
MOST_BINS = 20


def distribution(values: Iterable[float | None]) -> dict[str, Any] | None:
    """`bins min max binSize p50 p95 p99` of the values that are known; None if none is."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    low, high = known[0], known[-1]
    bins, size = [len(known)], 0.0
    if high > low:
        wanted = ceil(log2(len(known))) + 1  # Sturges' rule
        number = min(MOST_BINS, max(FEWEST_BINS, wanted))
        size = (high - low) / number
        bins = [0] * number
        for value in known:
            bins[min(int((value - low) / size), number - 1)] += 1
    return {
        "bins": bins,
        "min": low,
        "max": high,
        "binSize": size,
        "p50": percentile(known, 50),
        "p95": percentile(known, 95),
        "p99": percentile(known, 99),
    }


def percentile(ordered: list[float], percent: float) -> float:
    """Linear between the two nearest of `ordered`, which is sorted and not empty."""
    rank = percent / 100 * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])
