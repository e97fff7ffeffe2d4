"""What swapping and serving cost on this box, learned from what was seen."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from .types import Model, Stats

LOAD_WEIGHT = 0.3
SERVICE_WEIGHT = 0.2
RATE_MEMORY_S = 600.0
GAPS_KEPT = 16
UNKNOWN_LOAD_S = 20.0
UNKNOWN_SERVICE_S = 10.0


class Estimates:
    """Moving averages per model of one node.

    Before a model's first load its time is the configured one, else the median of the loads that
    were seen, else `UNKNOWN_LOAD_S`; wrong priors are gone after a few loads.
    """

    def __init__(self) -> None:
        self._load: dict[str, float] = {}
        self._unload: dict[str, float] = {}
        self._service: dict[str, float] = {}
        self._rate: dict[str, tuple[float, float]] = {}
        self._gaps: dict[str, deque[float]] = {}

    def loaded(self, model: str, seconds: float) -> None:
        """A load took `seconds`, from the start of the server to ready."""
        _average(self._load, model, seconds, LOAD_WEIGHT)

    def unloaded(self, model: str, seconds: float) -> None:
        """Putting it away took `seconds`."""
        _average(self._unload, model, seconds, LOAD_WEIGHT)

    def served(self, model: str, seconds: float) -> None:
        """One request held its slot for `seconds`."""
        _average(self._service, model, seconds, SERVICE_WEIGHT)

    def arrived(self, model: str, now: float, idle_since: float | None) -> None:
        """A request for the model came in; it had been idle since `idle_since`."""
        self._rate[model] = (self._decayed(model, now) + 1 / RATE_MEMORY_S, now)
        if idle_since is not None:
            self._gaps.setdefault(model, deque(maxlen=GAPS_KEPT)).append(now - idle_since)

    def stats(self, model: Model, now: float) -> Stats:
        """All that is known of a model."""
        name = model.name
        return Stats(
            load_s=self._load_s(model),
            unload_s=self._unload.get(name, model.unload_prior),
            service_s=self._service.get(name, self._typical_service()),
            rate=self._decayed(name, now),
            gaps=tuple(self._gaps.get(name, ())),
            measured=name in self._load,
        )

    def _load_s(self, model: Model) -> float:
        if model.name in self._load:
            return self._load[model.name]
        if model.load_prior is not None:
            return model.load_prior
        return median(self._load.values()) if self._load else UNKNOWN_LOAD_S

    def _typical_service(self) -> float:
        return median(self._service.values()) if self._service else UNKNOWN_SERVICE_S

    def _decayed(self, model: str, now: float) -> float:
        rate, at = self._rate.get(model, (0.0, now))
        return rate * math.exp(-(now - at) / RATE_MEMORY_S)


def _average(known: dict[str, float], model: str, value: float, weight: float) -> None:
    old = known.get(model)
    known[model] = value if old is None else old + weight * (value - old)
