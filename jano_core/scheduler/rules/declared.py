"""What `groups` and `matrix` have in common: people say who may live together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from ..residency import Price, ResidencyRule


class DeclaredRule(ResidencyRule):
    """A declaration decides first; a budget, if there is one, must be kept besides.

    A model whose footprint is not known counts nothing here: whoever declared that it fits knows.
    """

    @abstractmethod
    def together(self, names: frozenset[str]) -> bool:
        """Does the declaration let exactly these live together?"""

    @abstractmethod
    def displaced(
        self, target: str, resident: frozenset[str], evictable: frozenset[str]
    ) -> frozenset[str] | None:
        """Who has to go for `target` by the declaration; None if somebody cannot go now."""

    @abstractmethod
    def named(self) -> Iterable[tuple[str, str]]:
        """Every model that the declaration names, and where."""

    def allowed(self, names: Iterable[str]) -> bool:
        """See `ResidencyRule.allowed`."""
        together = frozenset(names)
        memory = sum(self.models[name].memory or 0 for name in together)
        return (self.budget is None or memory <= self.budget) and self.together(together)

    def evictions(
        self, target: str, resident: tuple[str, ...], evictable: frozenset[str], price: Price
    ) -> tuple[str, ...] | None:
        """See `ResidencyRule.evictions`; `price` counts only where memory asks for more."""
        gone = self.displaced(target, frozenset(resident), evictable)
        if gone is None:
            return None
        rest = tuple(name for name in resident if name not in gone)
        more = super().evictions(target, rest, evictable, price)
        return None if more is None else (*sorted(gone), *more)

    def problems(self) -> Iterable[tuple[str, str]]:
        """See `ResidencyRule.problems`; names that are not configured come first."""
        for name, place in self.named():
            if name not in self.models:
                yield name, f"{place} names it, but it is not configured"
        yield from super().problems()
