"""How many swaps the order of service has saved against strict first come, first served."""

from __future__ import annotations

from bisect import bisect_left

from ..scheduler.types import LOCAL
from .facts import InstanceChanged, Listener, RequestEnded, RequestGranted, RequestWaits

IN_MEMORY = ("ready", "draining")
LOOK_AGAIN = 100
NOBODY = (0, "")
"""Stands before the first request."""


class SwapsAvoided(Listener):
    """Compares two orders of the same requests, all that were granted so far.

    Strict FIFO with one model in memory swaps whenever two neighbours in order of arrival want
    different models. What really happened is counted alike: a change of model from one grant to
    the next, or a model loaded for somebody who then left. Loads that nobody waited for (start-up,
    by hand) and unloading after idle touch neither side, for FIFO would have had them too.

    Once two models were in memory together, or a model elsewhere, a change of model is no longer
    a swap, and the figure cannot be told: it is None from then on.
    """

    def __init__(self) -> None:
        self._arrivals = 0
        self._waiting: dict[str, tuple[int, str]] = {}
        """Request → (number of its arrival, model), in order of arrival."""
        self._granted = [NOBODY]
        """Granted requests by arrival, back at least to the last before the oldest that waits."""
        self._most_granted = LOOK_AGAIN
        """When more are remembered, it is time to see which no longer matter."""
        self._in_memory: set[str] = set()
        self._current: str | None = None
        self._fifo = 0
        self._made = 0
        self._comparable = True
        self.peak = 0
        """The highest value so far, for a counter that may not fall."""
        self.hears = {
            RequestWaits: self._waits,
            RequestGranted: self._taken,
            RequestEnded: self._ended,
            InstanceChanged: self._changed,
        }

    @property
    def value(self) -> int | None:
        """Swaps saved; negative where urgency has cost more swaps than FIFO would have made."""
        return self._fifo - self._made if self._comparable else None

    def _waits(self, fact: RequestWaits) -> None:
        if not fact.resident:
            self._waiting[fact.id] = self._arrival(fact.model)

    def _arrival(self, model: str) -> tuple[int, str]:
        self._arrivals += 1
        return self._arrivals, model

    def _taken(self, fact: RequestGranted) -> None:
        granted = self._granted
        same = fact.model == self._current == granted[-1][1]
        if same and not self._waiting:
            return  # as usual: neither order changes its model
        place = self._waiting.pop(fact.id, None)
        if place is None:
            if fact.resident or fact.attempt > 1:
                return
            place = self._arrival(fact.model)
        if same and place > granted[-1]:
            granted.append(place)
        else:
            self._take(place)
        if len(granted) > self._most_granted:
            self._forget_settled()

    def _ended(self, fact: RequestEnded) -> None:
        self._waiting.pop(fact.id, None)

    def _take(self, place: tuple[int, str]) -> None:
        """Put it where it arrived, perhaps before others that were granted already."""
        _, model = place
        at = bisect_left(self._granted, place)
        before = self._granted[at - 1][1]
        self._fifo += before != model
        if at < len(self._granted):
            after = self._granted[at][1]
            self._fifo += (after != model) - (after != before)
        self._granted.insert(at, place)
        self._touch(model)
        # Only here can it rise: a grant adds to what FIFO would have done.
        if self._comparable:
            self.peak = max(self.peak, self._fifo - self._made)

    def _forget_settled(self) -> None:
        """Nothing can be inserted any more before the oldest that waits."""
        oldest = next(iter(self._waiting.values()), (self._arrivals + 1, ""))
        settled = bisect_left(self._granted, oldest)
        del self._granted[: max(0, settled - 1)]
        self._most_granted = max(LOOK_AGAIN, 2 * len(self._granted))

    def _changed(self, fact: InstanceChanged) -> None:
        if fact.resident:
            return
        if fact.state not in IN_MEMORY:
            self._in_memory.discard(fact.model)
            return
        self._in_memory.add(fact.model)
        if fact.node != LOCAL or len(self._in_memory) > 1:
            self._comparable = False
        if fact.state != "ready":
            return
        if self._waiting:
            self._touch(fact.model)
        else:
            self._granted = [self._arrival(fact.model)]
            self._current = fact.model

    def _touch(self, model: str) -> None:
        self._made += model != self._current
        self._current = model
