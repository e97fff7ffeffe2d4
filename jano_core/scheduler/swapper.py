"""Carries out what was decided about memory on one node: drain, stop, start, ready."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from .commands import AnyCommand, Load, Note, Unload
from .estimates import Estimates
from .instance import DISPLACED, TOLD, Instance
from .node import Node
from .queue import Queue
from .swap import Swap


class Swapper:
    """Turns intents into commands as soon as the evicted are idle; knows nothing of policy."""

    def __init__(
        self, node: Node, queue: Queue, estimates: Estimates, emit: Callable[[AnyCommand], None]
    ) -> None:
        self._node = node
        self._queue = queue
        self._estimates = estimates
        self._emit = emit
        self._numbers = 0

    def follow(
        self, loads: Iterable[tuple[str, tuple[str, ...], str]], served: set[str], now: float
    ) -> None:
        """Take the standing intents `(model, evict, why)`; begin those whose evicted are idle, and
        those that may live beside them until they are.

        A model in `served` was just granted a request, so it is not draining yet.
        """
        node, wanted, draining = self._node, dict[str, float](), set[str]()
        for model, evict, why in loads:
            asked_at = node.intents.get(model, now)
            if self._may_begin(model, evict):
                self._begin(model, evict, why, asked_at, now)
            else:
                wanted[model] = asked_at
                draining |= {name for name in evict if name not in served}
        self._tell_who_waits(wanted)
        node.intents = wanted
        for name, instance in node.instances.items():
            if instance.state == "ready" and name in draining:
                self._move(instance, "drain", now)
            elif instance.state == "draining" and name not in draining and not instance.leaving:
                self._move(instance, "resume", now)

    def ask_to_leave(self, instance: Instance, now: float) -> None:
        """A person wants it gone: no new requests; unloaded when idle, a load is given up."""
        swap = self._swap_to(instance.name)
        if instance.state == "starting":
            self.give_up(instance, now, "unloaded")
        elif swap is not None:
            self._end(swap, "swap_cancelled", now, "unloaded")
        elif instance.serving:
            instance.leaving = TOLD
            if instance.state == "ready":
                self._move(instance, "drain", now)
            self.let_go(now)

    def reconsider(self, now: float) -> None:
        """What fits together has changed: what has not started yet is decided anew."""
        for swap in tuple(self._node.swaps):
            if not swap.started:
                self._end(swap, "swap_cancelled", now, "the configuration changed")

    def let_go(self, now: float) -> None:
        """Unload those that are to leave and are idle; who was pinned meanwhile stays."""
        for instance in self._node.restless:
            if instance.leaving == DISPLACED and instance.pinned:
                instance.leaving = ""
            elif instance.leaving and instance.serving and not instance.in_flight:
                self.unload(instance, now)

    def advance(self, now: float) -> None:
        """Something happened to what is in memory: start what fits beside it now."""
        for swap in tuple(self._node.swaps):
            self._start_if_it_fits(swap, now)

    def unload(self, instance: Instance, now: float, why: str = "") -> None:
        """Put an idle model away without loading another."""
        self._move(instance, "unload", now, why)
        self._emit(Unload(model=instance.name, node=self._node.name))

    def start_resident(self, instance: Instance, now: float) -> None:
        """Start a model that lives outside of swapping."""
        instance.begin_life(now)
        self._move(instance, "load", now)
        self._numbers += 1
        self._emit(Load(model=instance.name, node=self._node.name, swap=self._numbers))

    def give_up(self, instance: Instance, now: float, why: str) -> None:
        """End a load in the middle."""
        self._move(instance, "unload", now, why)
        self._emit(Unload(model=instance.name, node=self._node.name))
        swap = self._swap_to(instance.name)
        if swap is not None:
            self._end(swap, "swap_cancelled", now, why)

    def give_up_unwanted(self, now: float) -> bool:
        """Give up every swap that somebody waited for and nobody does any more; were there any?"""
        before = len(self._node.swaps)
        for swap in tuple(self._node.swaps):
            if not swap.wanted or self._queue.waits_for(swap.target):
                continue
            why = "nobody waits for it any more"
            if swap.started:
                self.give_up(self._node.instances[swap.target], now, why)
            else:
                self._end(swap, "swap_cancelled", now, why)
        return len(self._node.swaps) < before

    def adopt(self, instance: Instance, now: float) -> None:
        """Its server was found running."""
        instance.begin_life(now)
        self._move(instance, "adopt", now, "found running")
        instance.ready_since = instance.last_used = instance.idle_since = now

    def loaded(self, instance: Instance, now: float) -> None:
        """The model is ready."""
        self._move(instance, "loaded", now)
        instance.ready_since = instance.last_used = now
        waiting = self._queue.of(instance.name)
        instance.owed = frozenset(request.id for request in waiting)
        instance.idle_since = None if waiting else now
        self._estimates.loaded(instance.name, now - instance.load_began)
        swap = self._swap_to(instance.name)
        if swap is not None:
            self._end(swap, "swap_ready", now, "")

    def failed(self, instance: Instance, spent: bool, message: str, now: float) -> None:
        """The load came to nothing."""
        self._move(instance, "spent" if spent else "failed", now, message)
        swap = self._swap_to(instance.name)
        if swap is not None:
            self._end(swap, "swap_failed", now, message)

    def crashed(self, instance: Instance, spent: bool, message: str, now: float) -> None:
        """A ready server is gone by itself."""
        instance.in_flight = set()
        self._move(instance, "spent" if spent else "crashed", now, message)

    def unloaded(self, instance: Instance, now: float) -> None:
        """A model that was put away is gone."""
        self._estimates.unloaded(instance.name, now - instance.since)
        self._move(instance, "unloaded", now)

    def recover(self, instance: Instance, now: float) -> None:
        """The cool-off is over."""
        self._move(instance, "recover", now)

    def _begin(
        self, model: str, evict: tuple[str, ...], why: str, asked_at: float, now: float
    ) -> None:
        self._numbers += 1
        waiting = self._queue.of(model)
        swap = Swap(
            self._numbers,
            model,
            evict,
            now=now,
            asked_at=asked_at,
            wanted=bool(waiting),
            why=why,
            coming_from=self._last_used(),
        )
        self._node.swaps.append(swap)
        self._note(swap, "swap_started", why, requests=tuple(each.id for each in waiting))
        for instance in map(self._node.instances.__getitem__, evict):
            if not instance.in_flight:
                self._move(instance, "unload", now, f"makes room for {model}")
                self._emit(Unload(model=instance.name, node=self._node.name, swap=swap.number))
                continue
            instance.leaving = instance.leaving or DISPLACED
            if instance.state == "ready":
                self._move(instance, "drain", now)
        self._start_if_it_fits(swap, now)

    def _tell_who_waits(self, wanted: Collection[str]) -> None:
        node = self._node
        for model in wanted:
            if model not in node.intents:
                self._emit(Note(kind="awaited", model=model, node=node.name))
        for model in node.intents:
            if model not in wanted and self._swap_to(model) is None:
                self._emit(Note(kind="forgone", model=model, node=node.name))

    def _may_begin(self, model: str, evict: tuple[str, ...]) -> bool:
        """Is what it waits for certain to go, and nothing of it busy? What is busy may be told to
        stay yet, so that a swap begins before its drain only where it need not wait for it.
        """
        node = self._node
        if not node.rule.allowed({*node.settled(), model} - set(evict)):
            return False  # another load of the same plan has yet to make room
        return node.has_room(model) or not any(node.instances[name].in_flight for name in evict)

    def _start_if_it_fits(self, swap: Swap, now: float) -> None:
        node, instance = self._node, self._node.instances[swap.target]
        if swap.started:
            return
        if not node.has_room(swap.target):
            if not any(each.state == "stopping" for each in node.instances.values()):
                self._end(swap, "swap_cancelled", now, "there is no room for it any more")
            return
        swap.start_began = now
        instance.begin_life(now)
        instance.swap_began = swap.stop_began
        self._move(instance, "load", now)
        self._emit(Load(model=swap.target, node=self._node.name, swap=swap.number))

    def _end(self, swap: Swap, kind: str, now: float, text: str) -> None:
        self._node.swaps.remove(swap)
        if kind != "swap_ready":
            self._call_back(swap)
        waiting = tuple(request.id for request in self._queue.of(swap.target))
        start = swap.start_began if swap.start_began is not None else now
        self._note(
            swap,
            kind,
            text,
            requests=waiting,
            phases=(swap.stop_began - swap.asked_at, start - swap.stop_began, now - start),
        )

    def _call_back(self, swap: Swap) -> None:
        """The swap came to nothing: who drains for it alone may stay."""
        others = {name for other in self._node.swaps for name in other.evict}
        for name in set(swap.evict) - others:
            instance = self._node.instances.get(name)
            if instance is not None and instance.leaving == DISPLACED:
                instance.leaving = ""

    def _note(
        self,
        swap: Swap,
        kind: str,
        text: str,
        requests: tuple[str, ...],
        phases: tuple[float, float, float] | None = None,
    ) -> None:
        self._emit(
            Note(
                kind=kind,
                model=swap.target,
                node=self._node.name,
                text=text,
                swap=swap.number,
                requests=requests,
                evicted=swap.evict,
                coming_from=swap.coming_from,
                phases=phases,
            )
        )

    def _move(self, instance: Instance, signal: str, now: float, why: str = "") -> None:
        instance.move(signal, now)
        self._node.unsettle()
        self._emit(
            Note(
                kind="state",
                model=instance.name,
                node=self._node.name,
                text=why,
                state=instance.state,
            )
        )

    def _swap_to(self, model: str) -> Swap | None:
        return next((swap for swap in self._node.swaps if swap.target == model), None)

    def _last_used(self) -> str:
        instances = self._node.instances.values()
        loaded = [each for each in instances if each.ready_since >= 0 and not each.model.resident]
        recent = max(loaded, key=lambda instance: instance.last_used, default=None)
        return recent.name if recent else ""
