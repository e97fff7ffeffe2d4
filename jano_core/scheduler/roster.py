"""Which models there are. A reload adds, changes and removes them, and drops no request."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .estimates import Estimates
from .instance import VACANT, Instance
from .node import Node
from .policy import MakeRule
from .residency import ResidencyRule
from .swapper import Swapper
from .types import Model


class Roster:
    """Keeps a node's instances and its residency rule as the configuration says."""

    def __init__(self, node: Node, swapper: Swapper, estimates: Estimates) -> None:
        self._node = node
        self._swapper = swapper
        self._estimates = estimates
        self._make: MakeRule | None = None
        self.edition = 0
        """Another number whenever models have come or gone."""

    def configure(self, models: Iterable[Model], make_rule: MakeRule) -> frozenset[str]:
        """These are all models now. One that is gone serves who waits for it, then it retires.

        Returns those that were resident and are not any more, or the other way round.
        """
        self._make = make_rule
        self.edition += 1
        instances, known = self._node.instances, {model.name: model for model in models}
        moved = set[str]()
        for model in known.values():
            instance = instances.setdefault(model.name, Instance(model))
            if instance.model.resident != model.resident:
                moved.add(model.name)
            instance.model, instance.pinned, instance.retired = model, model.pinned, False
        for name, instance in instances.items():
            if name not in known:
                instance.retired, instance.pinned = True, False
        self._node.unsettle()
        self._make_rule()
        return frozenset(moved)

    def retire(self, instance: Instance, now: float) -> None:
        """Nobody wants a model that is gone any more: put it away, and then forget it."""
        self._swapper.ask_to_leave(instance, now)
        if instance.state in VACANT:
            del self._node.instances[instance.name]
            self.edition += 1
            self._node.unsettle()
            self._make_rule()

    def weigh(self, model: str, memory: int, now: float) -> None:
        """The model was seen to take so many bytes: what fits beside it is known better now."""
        self._estimates.weighed(model, memory)
        self._make_rule()
        if not self._node.rule.allowed(self._node.settled()):
            self._swapper.reconsider(now)

    def recall(self) -> None:
        """Footprints of an earlier run are known now."""
        self._make_rule()

    def _make_rule(self) -> None:
        assert self._make is not None
        configured = {
            name: instance.model
            for name, instance in self._node.instances.items()
            if not instance.model.resident
        }
        weighed = {
            name: replace(model, memory=self._estimates.footprint(model))
            for name, model in configured.items()
        }
        rule = self._make(weighed)
        # Where by what was measured a model could never be loaded, the configuration knows better.
        self._node.rule = self._make(configured) if _impossible(rule) else rule


def _impossible(rule: ResidencyRule) -> bool:
    return any(True for _ in rule.problems())
