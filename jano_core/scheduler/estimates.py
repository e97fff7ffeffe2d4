"""What swapping and serving cost on this box, learned from what was seen."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field

from .sequence import Sequence, Shares
from .sessions import Sessions
from .types import Model, Stats

LOAD_WEIGHT = 0.3
SERVICE_WEIGHT = 0.2
RATE_MEMORY_S = 600.0
ARRIVAL = 1 / RATE_MEMORY_S
"""What one arrival adds to a rate."""
GAPS_KEPT = 16
UNKNOWN_LOAD_S = 20.0
UNKNOWN_SERVICE_S = 10.0


class Learned(Struct, kw_only=True):
    """What is worth keeping over a restart, by model: times in seconds, footprints in bytes, rates
    of arrival as they were at the last one, and what was asked for `after` it.
    """

    load_s: dict[str, float] = field(default_factory=dict)
    unload_s: dict[str, float] = field(default_factory=dict)
    service_s: dict[str, float] = field(default_factory=dict)
    rate: dict[str, float] = field(default_factory=dict)
    gaps: dict[str, tuple[float, ...]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    after: dict[str, Shares] = field(default_factory=dict)


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
        self._memory: dict[str, int] = {}
        self.sessions = Sessions()
        self.sequence = Sequence()

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
        self.sequence.arrived(model)
        self._rate[model] = (self._decayed(model, now) + ARRIVAL, now)
        if idle_since is not None:
            gaps = self._gaps.get(model)
            if gaps is None:
                gaps = self._gaps[model] = deque(maxlen=GAPS_KEPT)
            gaps.append(now - idle_since)

    def weighed(self, model: str, memory: int) -> None:
        """It was seen to take so many bytes; the most that was ever seen counts."""
        self._memory[model] = max(memory, self._memory.get(model, 0))

    def footprint(self, model: Model) -> int | None:
        """Bytes that the model takes: as configured, else as measured; None while unknown."""
        return self._memory.get(model.name) if model.memory is None else model.memory

    def forget(self, model: str) -> None:
        """Its server is another one now: what the old one took says nothing of it."""
        for known in (self._load, self._unload, self._service, self._memory):
            known.pop(model, None)

    def stats(self, model: Model, now: float) -> Stats:
        """All that is known of a model."""
        name = model.name
        return Stats(
            load_s=self._load_s(model),
            unload_s=self._unload.get(name, model.unload_prior),
            service_s=self.service_s(name),
            rate=self._decayed(name, now),
            gaps=tuple(self._gaps.get(name, ())),
            measured=name in self._load,
        )

    def service_s(self, model: str) -> float:
        """Seconds for which a request usually holds its slot."""
        known = self._service.get(model)
        return self._typical_service() if known is None else known

    def learned(self) -> Learned:
        """What to keep over a restart."""
        return Learned(
            load_s=dict(self._load),
            unload_s=dict(self._unload),
            service_s=dict(self._service),
            rate={name: rate for name, (rate, _) in self._rate.items()},
            gaps={name: tuple(gaps) for name, gaps in self._gaps.items()},
            memory=dict(self._memory),
            after=self.sequence.after,
        )

    def recall(self, learned: Learned, now: float) -> None:
        """Take over what an earlier run has learned. Called before the first event.

        Rates of arrival fade from now on.
        """
        self._load.update(learned.load_s)
        self._unload.update(learned.unload_s)
        self._service.update(learned.service_s)
        self._memory.update(learned.memory)
        self.sequence.after.update(learned.after)
        for name, rate in learned.rate.items():
            self._rate[name] = rate, now
        for name, gaps in learned.gaps.items():
            self._gaps[name] = deque(gaps, maxlen=GAPS_KEPT)

    def _load_s(self, model: Model) -> float:
        if model.name in self._load:
            return self._load[model.name]
        if model.load_prior is not None:
            return model.load_prior
        return _median(self._load.values()) if self._load else UNKNOWN_LOAD_S

    def _typical_service(self) -> float:
        return _median(self._service.values()) if self._service else UNKNOWN_SERVICE_S

    def _decayed(self, model: str, now: float) -> float:
        rate, at = self._rate.get(model, (0.0, now))
        return rate * math.exp((at - now) / RATE_MEMORY_S)


def _average(known: dict[str, float], model: str, value: float, weight: float) -> None:
    old = known.get(model)
    known[model] = value if old is None else old + weight * (value - old)


def _median(values: Iterable[float]) -> float:
    """As in `statistics`, which brings along fractions and chance."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
