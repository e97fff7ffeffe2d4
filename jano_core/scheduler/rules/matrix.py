"""The residency rule `matrix`: sets of models that may live together, as llama-swap writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from ..types import Model
from .declared import DeclaredRule
from .expression import All, Expression, Name, Ref, leaves, parse

COST = 1
"""What evicting a model costs that `evict_costs` does not name."""


class MatrixTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[memory.settings.matrix]`: short names, prices of eviction, and the sets in order."""

    vars: dict[str, str] = field(default_factory=dict)
    evict_costs: dict[str, Annotated[int, Meta(gt=0)]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        compile_sets(self.sets)


class MatrixSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[memory.settings]` of the rule `matrix`."""

    matrix: MatrixTable = field(default_factory=MatrixTable)


class Matrix(DeclaredRule):
    """A set permits all its subsets; a model in no set lives alone.

    Of all combinations that have the target, the one that costs least to reach is taken, and of
    equals the one that was written first.
    """

    name = "matrix"
    Settings: ClassVar[type[Struct]] = MatrixSettings

    def __init__(
        self, models: Mapping[str, Model], budget: int | None, settings: Struct | None = None
    ) -> None:
        super().__init__(models, budget, settings)
        assert settings is None or isinstance(settings, MatrixSettings)
        self._table = settings.matrix if settings else MatrixTable()
        self._sets = compile_sets(self._table.sets)
        self._costs = {self._model(key): cost for key, cost in self._table.evict_costs.items()}

    def together(self, names: frozenset[str]) -> bool:
        """See `DeclaredRule.together`."""
        return len(names) <= 1 or names in self._combinations(names)

    def displaced(
        self, target: str, resident: frozenset[str], evictable: frozenset[str]
    ) -> frozenset[str] | None:
        """See `DeclaredRule.displaced`."""
        relevant = resident | {target}
        alone = [frozenset({target})]
        found = [each for each in self._combinations(relevant) if target in each] or alone
        offers = [gone for kept in found if (gone := relevant - kept) <= evictable]
        return min(offers, key=self._cost, default=None)

    def named(self) -> Iterable[tuple[str, str]]:
        """See `DeclaredRule.named`."""
        for short, model in self._table.vars.items():
            yield model, f"vars.{short}"
        for key in self._table.evict_costs:
            yield self._model(key), "evict_costs"
        for name, expression in self._sets.items():
            for leaf in leaves(expression):
                if isinstance(leaf, Name):
                    yield self._model(leaf.name), f"set {name!r}, column {leaf.column},"

    def _cost(self, gone: frozenset[str]) -> int:
        return sum(self._costs.get(name, COST) for name in gone)

    def _model(self, name: str) -> str:
        return self._table.vars.get(name, name)

    def _combinations(self, relevant: frozenset[str]) -> list[frozenset[str]]:
        """Every largest choice that the sets give, reduced to the models that matter now.

        What is not relevant is left out from the start, and a choice within another one is
        dropped at once; so there are never more than the few models in memory can form, however
        many combinations the sets describe.
        """
        known: dict[str, list[frozenset[str]]] = {}

        def choices(part: Expression) -> list[frozenset[str]]:
            match part:
                case Name():
                    return [relevant & {self._model(part.name)}]
                case Ref():
                    return known[part.name]
                case All():
                    product = [frozenset[str]()]
                    for each in part.parts:
                        product = _largest([a | b for a in product for b in choices(each)])
                    return product
            return _largest([choice for each in part.parts for choice in choices(each)])

        for name, expression in self._sets.items():
            known[name] = choices(expression)
        return _largest([choice for each in known.values() for choice in each])


def compile_sets(sets: Mapping[str, str]) -> dict[str, Expression]:
    """The sets as expressions, each behind those that it refers to.

    Raises `ValueError` that names the set and the column: syntax, unknown references, cycles.
    """
    parsed = {}
    for name, text in sets.items():
        try:
            parsed[name] = parse(text)
        except ValueError as error:
            raise ValueError(f"set {name!r}, {error}") from None
    ordered: dict[str, Expression] = {}
    for name in parsed:
        _place(name, parsed, ordered, ())
    return ordered


def _place(
    name: str, parsed: dict[str, Expression], ordered: dict[str, Expression], path: tuple[str, ...]
) -> None:
    if name in ordered:
        return
    for leaf in leaves(parsed[name]):
        if not isinstance(leaf, Ref):
            continue
        where = f"set {name!r}, column {leaf.column}"
        if leaf.name not in parsed:
            known = ", ".join(parsed)
            raise ValueError(f"{where}: there is no set {leaf.name!r}; there are {known}")
        if leaf.name in (*path, name):
            circle = " → ".join((*path, name, leaf.name))
            raise ValueError(f"{where}: the set refers to itself: {circle}")
        _place(leaf.name, parsed, ordered, (*path, name))
    ordered[name] = parsed[name]


def _largest(choices: list[frozenset[str]]) -> list[frozenset[str]]:
    """In order, without those that another one contains."""
    different = list(dict.fromkeys(choices))
    return [one for one in different if not any(one < other for other in different)]
