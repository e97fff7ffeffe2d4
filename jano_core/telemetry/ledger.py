"""The ledger: everything that is counted, and the three pages that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .counters import Counters
from .exposition import exposition
from .facts import Fact, Listener, RequestEnded, SwapEnded
from .recent import Recent
from .status import Snapshot, additions, past, present
from .swap_cost import SwapCost
from .swaps_avoided import SwapsAvoided
from .usage_records import UsageRecords


class Ledger:
    """Subscribe its `accounts` to the facts, or `observe`; the other methods render.

    `wall` gives unix seconds, `usage_records` is how many finished requests are kept.
    """

    def __init__(
        self, wall: Callable[[], float], *, version: str, usage_records: int = 500
    ) -> None:
        self._wall = wall
        self._started = wall()
        self._version = version
        self.counters = Counters()
        self.recent = Recent(usage_records)
        self.records = UsageRecords(usage_records)
        self.swaps_avoided = SwapsAvoided()
        self.swap_cost = SwapCost(lambda: self.swaps_avoided.value)
        self.accounts: tuple[Listener, ...] = (
            self.counters,
            self.recent,
            self.records,
            self.swaps_avoided,
            self.swap_cost,
        )
        """Who counts, in the order in which they are to hear of a fact."""

    def observe(self, fact: Fact) -> None:
        """Take one fact into every account, where they are not subscribed one by one."""
        for account in self.accounts:
            account.observe(fact)

    def recall(self, requests: Iterable[RequestEnded], swaps: Iterable[SwapEnded]) -> None:
        """Show again what an earlier run has seen, oldest first. What counts since the start of
        this one, or tells how a server is now, is left alone.
        """
        for request in requests:
            self.records.observe(request)
        for swap in swaps:
            if swap.outcome == "ready":
                self.recent.observe(swap)

    def status(self, snapshot: Snapshot) -> dict[str, Any]:
        """The object of `GET /status` and `GET /health`."""
        return {
            **present(snapshot),
            **past(self.counters, self.recent, self._wall(), self._started),
            **additions(snapshot, self.recent, self.swaps_avoided.value, self._version),
            "swapCostToday": self.swap_cost.today(self._wall()),
        }

    def usage(self, limit: str | None = None) -> dict[str, Any]:
        """The object of `GET /usage?limit=`, which takes the parameter as it came."""
        return self.records.page(limit)

    def metrics(self, snapshot: Snapshot) -> str:
        """The text of `GET /metrics`."""
        return exposition(
            snapshot,
            self.counters,
            self.recent,
            uptime=self._wall() - self._started,
            swaps_avoided=self.swaps_avoided.peak,
        )
