"""All that a strategy may know, with helpers for the arithmetic of slots and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .estimates import Estimates
from .node import Node
from .queue import Queue
from .residency import Price
from .sessions import Session
from .types import LOCAL, InstanceView, Load, Request, Serve, State, Stats

Key = str | tuple[str, str]


class View:
    """A snapshot for one decision. Nothing in it can be changed, and nothing changes it."""

    def __init__(
        self, now: float, queue: Queue, nodes: Mapping[str, Node], estimates: Estimates
    ) -> None:
        self.now = now
        """Seconds on the scheduler's clock; the only clock there is."""
        self._queue = queue
        self._nodes = nodes
        self._estimates = estimates
        self._waiting: dict[str, tuple[Request, ...]] | None = None
        self.instances: Mapping[Key, InstanceView] = {
            (name if node.name == LOCAL else (name, node.name)): instance.view(
                node.owes(instance, queue)
            )
            for node in nodes.values()
            for name, instance in node.instances.items()
            if not instance.model.resident
        }
        """Model → its instance on this box; `(model, node)` → its instance elsewhere."""
        self.swapping: Mapping[str, tuple[str, ...]] = {
            node.name: tuple(swap.target for swap in node.swaps) for node in nodes.values()
        }
        """Node → models that are being swapped in there."""

    @property
    def queue(self) -> tuple[Request, ...]:
        """Every waiting request, in arrival order."""
        return tuple(self._queue)

    def waiting(self) -> dict[str, tuple[Request, ...]]:
        """Model → who waits for it, in arrival order; models nobody waits for are absent."""
        if self._waiting is None:
            self._waiting = self._queue.by_model()
        return dict(self._waiting)

    def heads(self) -> list[Request]:
        """The next request of every model that is waited for: most urgent, then oldest first."""
        return sorted((self.fronts(model)[0] for model in self.waiting()), key=_urgency)

    def fronts(self, model: str) -> tuple[Request, ...]:
        """The oldest request of every priority that waits for `model`, most urgent first."""
        return self._queue.fronts(model)

    def stats(self, model: str, node: str = LOCAL) -> Stats:
        """What was measured of a model; priors where nothing was."""
        return self._estimates.stats(self._nodes[node].instances[model].model, self.now)

    def chance_of_next(self, model: str) -> float:
        """The chance that the next request is for `model`, by what followed requests for the model
        that was asked for last.
        """
        return self._estimates.sequence.chance(model)

    def sessions(self, model: str, at_most: float) -> Iterator[Session]:
        """Sessions whose last request for `model` ended no longer than `at_most` seconds ago and
        that may come back, the newest first.
        """
        return self._estimates.sessions.resting(model, self.now, at_most)

    def fill(
        self, skip: Iterable[str] = (), key: Callable[[Request], Any] | None = None
    ) -> tuple[Serve, ...]:
        """Grants for every free slot of every ready model, except the models in `skip`.

        Within a model by `key`: most urgent, then oldest first when it is None.
        """
        passed_over, granted = set(skip), set()
        serve = []
        for instance in self.instances.values():
            free = instance.free
            if not free or instance.model in passed_over:
                continue
            for request in self._in_turn(instance.model, key):
                if not free:
                    break
                if request.id not in granted:
                    granted.add(request.id)
                    serve.append(Serve(request.id, instance.model, instance.node))
                    free -= 1
        return tuple(serve)

    def allowed(self, models: Iterable[str], node: str = LOCAL) -> bool:
        """May exactly these models be in memory together on the node?"""
        return self._nodes[node].rule.allowed(models)

    def evictions(
        self,
        model: str,
        price: Price | None = None,
        node: str = LOCAL,
        given: Iterable[Load] = (),
    ) -> tuple[str, ...] | None:
        """The cheapest models to put away so that `model` may be loaded, or None: no way now.

        `price(model)` is the cost of losing it; by default the least recently used go first.
        `given` are loads of the same plan, taken as done.
        """
        place = self._nodes[node]
        if place.instances[model].state not in (State.STOPPED, State.READY, State.DRAINING):
            return None
        if place.instances[model].serving:
            return ()
        return place.evictions(model, self._queue, price, given)

    def _in_turn(self, model: str, key: Callable[[Request], Any] | None) -> Iterable[Request]:
        return self._queue.in_turn(model) if key is None else sorted(self._queue.of(model), key=key)


def _urgency(request: Request) -> tuple[int, float]:
    return request.priority, request.arrived
