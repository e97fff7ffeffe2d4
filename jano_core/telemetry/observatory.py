"""Everybody who listens to the facts, in one place: built at the start, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from ..clock import Clock
from .activity import Activity
from .captures import Captures
from .decisions import Decisions
from .fact_log import FactLog
from .facts import Facts
from .feed import Feed, FeedSource
from .history import History
from .ledger import Ledger
from .status import HOUR
from .swap_cost import FIGURE

if TYPE_CHECKING:
    from .export import Export


class Observatory:
    """The listeners. `usage_records` and `capture` are the keys of `[telemetry]`; `provider` names
    the kind of server behind a model; `otlp` says whether telemetry leaves the house, `history`
    in which folder it outlives a restart (None: it does not). Raises `ConfigError`.
    """

    def __init__(
        self,
        clock: Clock,
        source: FeedSource,
        provider: Callable[[str], str],
        *,
        version: str,
        usage_records: int,
        capture: int,
        otlp: bool,
        history: Path | None,
    ) -> None:
        self._clock = clock
        self.facts = Facts()
        self.captures = Captures(capture)
        self.activity = Activity(captures=self.captures)
        self.ledger = Ledger(clock.wall, version=version, usage_records=usage_records)
        self.decisions = Decisions()
        self.feed = Feed(self.facts, source, self.activity, self.decisions, clock.wall)
        self.export = _export(version, provider) if otlp else None
        self._history = None if history is None else History(history)
        if self._history is not None:
            self._recall(self._history, usage_records)
        for listener in (*self.ledger.accounts, self.activity, self.decisions, FactLog()):
            self.facts.subscribe(listener)
        if self.export is not None:
            self.facts.subscribe_guest(self.export.observe, "the OpenTelemetry export")

    def onward(self, id: str) -> Mapping[str, str]:
        """Headers of the trace that replace the caller's on a request's way to its server."""
        return self.export.onward(id) if self.export is not None else {}

    def reconfigure(self, *, usage_records: int, capture: int) -> None:
        """Take over new sizes; what is kept already stays as far as it fits."""
        self.ledger.records.resize(usage_records)
        self.captures.resize(capture)

    async def close(self) -> None:
        """Send and write what waits; bounded by seconds, however slow the other side is."""
        self.feed.close()
        with anyio.CancelScope(shield=True):
            if self.export is not None:
                await self.export.close()
            if self._history is not None:
                await anyio.to_thread.run_sync(self._history.close)

    def _recall(self, history: History, usage_records: int) -> None:
        now = self._clock.wall()
        shown = history.requests(usage_records, residents=False)
        self.ledger.recall(shown, history.swaps(now - HOUR))
        for request in history.requests(self.activity.size):
            self.activity.observe(request)
        self.ledger.swap_cost.recall(history.figure(FIGURE), now)
        self.ledger.swap_cost.keep = history.keep
        self.facts.subscribe(history)


def _export(version: str, provider: Callable[[str], str]) -> Export:
    # Tens of milliseconds and megabytes, for those alone who want it.
    from .export import Export

    return Export(version, provider)
