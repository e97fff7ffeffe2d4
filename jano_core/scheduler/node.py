"""A place with capacity: its instances, the swaps under way there, its residency rule."""

from __future__ import annotations

from collections.abc import Iterable

from .instance import VACANT, Instance
from .queue import Queue
from .residency import Price, ResidencyRule
from .swap import Swap
from .types import LOCAL, Load, State


class Node:
    """This box, or a worker."""

    def __init__(self, rule: ResidencyRule, name: str = LOCAL) -> None:
        self.name = name
        self.rule = rule
        self.instances: dict[str, Instance] = {}
        self.swaps: list[Swap] = []
        self.intents: dict[str, float] = {}
        """Targets of standing load intents whose evicted models still drain → asked at."""
        self.restless: tuple[Instance, ...] = ()
        """Those that are to be looked at with every event: few, and mostly none."""

    def is_calm(self) -> bool:
        """Is nothing swapped, drained, or meant to be?"""
        return not (
            self.swaps
            or self.intents
            or any(each.state is State.DRAINING for each in self.restless)
        )

    def unsettle(self) -> None:
        """An instance has changed, or there is another one: who is restless is found out anew."""
        self.restless = tuple(each for each in self.instances.values() if each.restless)

    def present(self) -> set[str]:
        """Models that have memory, those that are being put away included. None is resident."""
        return {
            name
            for name, instance in self.instances.items()
            if instance.state not in VACANT and not instance.model.resident
        }

    def settled(self) -> set[str]:
        """Models that will have memory when all that is under way is done."""
        targets = {swap.target for swap in self.swaps}
        return targets | {
            name for name in self.present() if self.instances[name].state != "stopping"
        }

    def has_room(self, model: str) -> bool:
        """May it be loaded beside everything that is in memory now?"""
        return self.rule.allowed({*self.present(), model})

    def occupied(self) -> tuple[str, ...]:
        """Models that have memory or were promised it. Resident models are not counted."""
        return tuple(sorted(self.present() | {swap.target for swap in self.swaps}))

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
        self, target: str, queue: Queue, price: Price | None = None, given: Iterable[Load] = ()
    ) -> tuple[str, ...] | None:
        """See `View.evictions`."""
        here = self.settled()
        for load in given:
            here = (here - set(load.evict or ())) | {load.model}
        if target in here or target in self.present():
            return None
        resident = tuple(sorted(here))
        evictable = frozenset(
            name for name in resident if self.evictable(self.instances[name], queue)
        )
        return self.rule.evictions(target, resident, evictable, price or self._least_recent())

    def _least_recent(self) -> Price:
        """Older is cheaper, and a longer list is always dearer."""
        order = sorted(self.instances.values(), key=lambda instance: instance.last_used)
        prices = {instance.name: 1 + 0.5 * rank / len(order) for rank, instance in enumerate(order)}
        return prices.__getitem__
