"""A place with capacity: its instances, the swaps under way there, its residency rule."""

from __future__ import annotations

from .instance import Instance
from .queue import Queue
from .residency import Price, ResidencyRule
from .swap import Swap
from .types import LOCAL, State


class Node:
    """This box, or a worker."""

    def __init__(self, rule: ResidencyRule, name: str = LOCAL) -> None:
        self.name = name
        self.rule = rule
        self.instances: dict[str, Instance] = {}
        self.swaps: list[Swap] = []
        self.intents: dict[str, float] = {}
        """Targets of standing load intents whose evicted models still drain → asked at."""
        self._restless: tuple[Instance, ...] | None = None

    def is_calm(self) -> bool:
        """Is nothing swapped, drained, or meant to be?"""
        return not (
            self.swaps
            or self.intents
            or any(each.state is State.DRAINING for each in self.restless())
        )

    def restless(self) -> tuple[Instance, ...]:
        """Those that are to be looked at with every event: few, and mostly none."""
        if self._restless is None:
            self._restless = tuple(each for each in self.instances.values() if each.restless)
        return self._restless

    def unsettle(self) -> None:
        """An instance has changed, or there is another one: who is restless is found out anew."""
        self._restless = None

    def occupied(self) -> tuple[str, ...]:
        """Models that have memory or were promised it. Resident models are not counted."""
        names = {
            name
            for name, instance in self.instances.items()
            if instance.state not in ("stopped", "cooling") and not instance.model.resident
        }
        return tuple(sorted(names | {swap.target for swap in self.swaps}))

    def owes(self, instance: Instance, queue: Queue) -> bool:
        """Was it swapped in for somebody who still waits, and has served nobody since?"""
        return instance.serving and instance.served == 0 and queue.any_of(instance.owed)

    def evictable(self, instance: Instance, queue: Queue) -> bool:
        """May it be put away, once idle?"""
        return (
            instance.serving
            and not instance.pinned
            and not instance.model.resident
            and not self.owes(instance, queue)
        )

    def evictions(
        self, target: str, queue: Queue, price: Price | None = None
    ) -> tuple[str, ...] | None:
        """See `View.evictions`."""
        resident = self.occupied()
        if target in resident:
            return None
        evictable = frozenset(
            name for name in resident if self.evictable(self.instances[name], queue)
        )
        return self.rule.evictions(target, resident, evictable, price or self._least_recent())

    def _least_recent(self) -> Price:
        """Older is cheaper, and a longer list is always dearer."""
        order = sorted(self.instances.values(), key=lambda instance: instance.last_used)
        prices = {instance.name: 1 + 0.5 * rank / len(order) for rank, instance in enumerate(order)}
        return prices.__getitem__
