"""The memory of a box, as its servers know it: the book that Jano's word is compared with."""

from __future__ import annotations

import anyio


class Memory:
    """Which model was in memory from when to when. Several servers may share one."""

    def __init__(self) -> None:
        self.stays: list[tuple[str, float, float]] = []
        """Model, and the seconds between which it was in memory; `inf` if it still is."""

    def take(self, model: str) -> None:
        """The model begins to take memory."""
        self.stays.append((model, anyio.current_time(), float("inf")))

    def give(self, model: str, after: float = 0.0) -> None:
        """The model gives its memory back, `after` seconds from now; nothing if it has none."""
        now = anyio.current_time()
        for place, (name, start, end) in enumerate(self.stays):
            if name == model and end > now + after:
                self.stays[place] = (name, start, now + after)

    def holds(self, model: str) -> bool:
        """Whether it is in memory now."""
        now = anyio.current_time()
        return any(name == model and start <= now < end for name, start, end in self.stays)

    @property
    def held(self) -> int:
        """How many models are in memory now."""
        now = anyio.current_time()
        return sum(start <= now < end for _, start, end in self.stays)

    @property
    def most_at_once(self) -> int:
        """The largest number of stays that overlapped."""
        return max(
            (sum(start <= at < end for _, start, end in self.stays) for _, at, _ in self.stays),
            default=0,
        )

    @property
    def order(self) -> list[str]:
        """Models in the order in which they were loaded."""
        return [model for model, _, _ in self.stays]
