"""The recent past as `/status` tells it: rates, windows, the last error, who seems well."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from .counters import SUCCESS, error_in, swap_ms
from .facts import (
    Fact,
    InstanceChanged,
    Listener,
    LoadProgress,
    RequestEnded,
    ServerCrashed,
    SwapEnded,
)
from .rings import SampleRing, TimeRing

SWAPS_KEPT = 500
ERRORS_KEPT = 200
RATES_KEPT = 30


class LastError(Struct, frozen=True, kw_only=True):
    """What went wrong last."""

    at: float
    model: str
    message: str


class Recent(Listener):
    """Short memories of what happened. `requests_kept` bounds the requests-per-minute figure."""

    def __init__(self, requests_kept: int) -> None:
        self.swaps = TimeRing(SWAPS_KEPT)
        self.errors = TimeRing(ERRORS_KEPT)
        self.requests = TimeRing(requests_kept)
        self.generated_rate = SampleRing(RATES_KEPT)
        self.prompt_rate = SampleRing(RATES_KEPT)
        self.rate_by_model: defaultdict[str, SampleRing] = defaultdict(
            lambda: SampleRing(RATES_KEPT)
        )
        self.last_swap_ms: int | None = None
        self.last_error: LastError | None = None
        self.progress: dict[str, LoadProgress] = {}
        """Models being loaded, as far as their servers tell."""
        self.healthy: dict[str, bool] = {}
        """Never probed: absent until traffic tells."""
        self.hears = {
            RequestEnded: self._ended,
            SwapEnded: self._swapped,
            LoadProgress: self._progressed,
            InstanceChanged: self._changed,
            ServerCrashed: self._failed,
        }

    def _swapped(self, fact: SwapEnded) -> None:
        if fact.outcome == "ready":
            self.swaps.add(fact.at)
            self.last_swap_ms = swap_ms(fact)
        else:
            self._failed(fact)

    def _progressed(self, fact: LoadProgress) -> None:
        self.progress[fact.model] = fact

    def _changed(self, fact: InstanceChanged) -> None:
        self.progress.pop(fact.model, None)
        if fact.state == "ready":
            self.healthy[fact.model] = True

    def _failed(self, fact: Fact) -> None:
        if (message := error_in(fact)) is not None:
            model: str = fact.model  # type: ignore[attr-defined]  # every error has one
            self.errors.add(fact.at)
            self.last_error = LastError(at=fact.at, model=model, message=message)
            self.healthy[model] = False

    def _ended(self, fact: RequestEnded) -> None:
        if fact.resident:
            return
        self.requests.add(fact.at)
        if fact.outcome != "served":
            self._failed(fact)
            return
        if fact.status not in SUCCESS:
            return
        self.healthy[fact.model] = True
        if (usage := fact.usage) is None:
            return
        if usage.generated_per_second is not None:
            self.generated_rate.add(usage.generated_per_second)
            self.rate_by_model[fact.model].add(usage.generated_per_second)
        if usage.prompt_per_second is not None:
            self.prompt_rate.add(usage.prompt_per_second)
