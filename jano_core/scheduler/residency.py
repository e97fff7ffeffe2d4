"""Which models may live together on a node, and which to put away so that another fits."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from msgspec import Struct

from .types import Model

Price = Callable[[str], float]

GIB = 2**30

ENUMERATED = 8
"""Up to so many candidates every subset is tried; beyond, the cheapest go one by one."""


class ResidencyRule(ABC):
    """A rule of residency; pure. `budget` is the node's memory in bytes, None when not given.

    `models` are all configured models that take part in swapping (not the resident ones).
    """

    name: ClassVar[str]
    Settings: ClassVar[type[Struct] | None] = None

    def __init__(
        self, models: Mapping[str, Model], budget: int | None, settings: Struct | None = None
    ) -> None:
        self.models = models
        self.budget = budget
        self.settings = settings

    @abstractmethod
    def allowed(self, names: Iterable[str]) -> bool:
        """May exactly these models be in memory together?"""

    def evictions(
        self, target: str, resident: tuple[str, ...], evictable: frozenset[str], price: Price
    ) -> tuple[str, ...] | None:
        """The cheapest of `resident` to put away so that `target` may be loaded.

        None if no choice among `evictable` makes room. `price(model)` is the cost of losing it.
        """
        candidates = sorted((name for name in resident if name in evictable), key=price)
        if len(candidates) <= ENUMERATED:
            return self._cheapest_subset(target, resident, candidates, price)
        gone: list[str] = []
        for name in candidates:
            if self._fits(target, resident, gone):
                break
            gone.append(name)
        if not self._fits(target, resident, gone):
            return None
        for name in sorted(gone, key=price, reverse=True):  # give back what was not needed
            if self._fits(target, resident, rest := [other for other in gone if other != name]):
                gone = rest
        return tuple(gone)

    def problems(self) -> Iterable[tuple[str, str]]:
        """`(model, why)` for each model that can never be loaded; a configuration error."""
        pinned = [model.name for model in self.models.values() if model.pinned]
        for name in self.models:
            if not self.allowed({name}):
                yield name, "it does not fit, not even alone"
            elif not self.allowed({name, *pinned}):
                others = ", ".join(other for other in pinned if other != name)
                yield name, f"it does not fit beside the pinned {others}"

    def _fits(self, target: str, resident: Iterable[str], gone: Iterable[str]) -> bool:
        return self.allowed({target, *resident} - set(gone))

    def _cheapest_subset(
        self, target: str, resident: tuple[str, ...], candidates: list[str], price: Price
    ) -> tuple[str, ...] | None:
        costs = {name: price(name) for name in candidates}
        best: tuple[float, tuple[str, ...]] | None = None
        for size in range(len(candidates) + 1):
            if best is not None and sum(costs[name] for name in candidates[:size]) >= best[0]:
                break  # the cheapest of this size costs as much already
            for gone in itertools.combinations(candidates, size):
                cost = sum(costs[name] for name in gone)
                if (best is None or cost < best[0]) and self._fits(target, resident, gone):
                    best = cost, gone
        return None if best is None else best[1]


class Budget(ResidencyRule):
    """The sum of footprints stays within the budget; without a budget, one model at a time.

    A model whose footprint is not known counts as the whole budget.
    """

    name = "budget"

    def allowed(self, names: Iterable[str]) -> bool:
        """See `ResidencyRule.allowed`."""
        together = set(names)
        if self.budget is None:
            return len(together) <= 1
        total = 0
        for name in together:
            memory = self.models[name].memory
            total += self.budget if memory is None else memory
        return total <= self.budget

    def problems(self) -> Iterable[tuple[str, str]]:
        """See `ResidencyRule.problems`; with the figures."""
        for name, why in super().problems():
            yield name, f"{why} ({self._figures(name)})"

    def _figures(self, name: str) -> str:
        if self.budget is None:
            return "without a budget, one model at a time"
        names = {name}
        if self.allowed(names):
            names |= {other.name for other in self.models.values() if other.pinned}
        needs = [self.models[each].memory for each in names]
        if None in needs:
            return "a model without memory counts as the whole budget"
        need = sum(size for size in needs if size is not None)
        return f"{need / GIB:.1f} GiB of {self.budget / GIB:.1f}"
