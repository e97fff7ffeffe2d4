"""Short memories: when something last happened, and what was last measured."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque


class TimeRing:
    """The moments, oldest first, of the last `size` happenings."""

    def __init__(self, size: int) -> None:
        self._times: deque[float] = deque(maxlen=size)
        self.add = self._times.append
        """Remember one more; moments never go back."""

    def within(self, seconds: float, now: float) -> int:
        """How many happened in the last `seconds`, the edge included."""
        return len(self._times) - bisect_left(self._times, now - seconds)


class SampleRing:
    """The last `size` measurements; they do not age."""

    def __init__(self, size: int) -> None:
        self._samples: deque[float] = deque(maxlen=size)
        self.add = self._samples.append
        """Remember one more."""

    def mean(self) -> float | None:
        """Their mean to one decimal, None before the first."""
        return tenth(sum(self._samples) / len(self._samples)) if self._samples else None


def tenth(value: float) -> float:
    """One decimal, halves up: the form in which rates are shown."""
    return int(value * 10 + 0.5) / 10
