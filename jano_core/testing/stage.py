"""A playbook that answers itself: orders come true after a while, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from .playbook import Playbook

Arrival = tuple[float, str]
"""When, and the words of a score: `(2.5, "1 arrives for chat (high)")`."""

Seconds = Callable[[str], float]
"""How long something takes, given what was ordered: `load chat`, `unload chat`, `grant 1`."""


class Stage:
    """Plays a whole piece: arrivals in, everybody's end out.

    `took` tells how long each order takes. `order` is who was granted a slot, in that order;
    `loads` are the models in the order in which they were loaded; `refused` who was turned away.
    """

    def __init__(self, book: Playbook, took: Seconds) -> None:
        self.book = book
        self._took = took
        self._coming: list[tuple[float, int, str]] = []
        self._cancelled: set[int] = set()
        self._loading: dict[str, int] = {}
        self._count = 0
        self.order: list[str] = []
        self.loads: list[str] = []
        self.refused: list[str] = []

    def play(self, arrivals: Iterable[Arrival], until: float = 1e5) -> Stage:
        """Let everything happen until nothing is to come, or until the clock says `until`."""
        for at, words in arrivals:
            self._expect(at, words)
        while self.book.now < until:
            self._drop_cancelled()
            times = [self._coming[0][0]] if self._coming else []
            due = self.book.scheduler.next_deadline()
            if due is not None:
                times.append(due)
            if not times:
                break
            self._follow(self.book.wait(max(0.0, min(times) - self.book.now)))
            self._drop_cancelled()
            if self._coming and self._coming[0][0] <= self.book.now:
                self._follow(self.book.tell(heapq.heappop(self._coming)[2]))
        return self

    def _expect(self, at: float, words: str) -> int:
        self._count += 1
        heapq.heappush(self._coming, (at, self._count, words))
        return self._count

    def _drop_cancelled(self) -> None:
        while self._coming and self._coming[0][1] in self._cancelled:
            heapq.heappop(self._coming)

    def _follow(self, orders: list[str]) -> None:
        for order in orders:
            verb, _, name = order.partition(" ")
            done = self.book.now + self._took(order)
            match verb:
                case "load":
                    self.loads.append(name)
                    self._loading[name] = self._expect(done, f"{name} is ready")
                case "unload":
                    if name in self._loading:  # no news of a load that was given up
                        self._cancelled.add(self._loading.pop(name))
                    self._expect(done, f"{name} is gone")
                case "grant":
                    self.order.append(name)
                    self._expect(done, f"{name} is served")
                case "refuse":
                    self.refused.append(name.partition(" ")[0])
