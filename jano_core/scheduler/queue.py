"""Waiting requests in arrival order, indexed by model, and by model and priority."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TypeVar

from .types import Priority, Request

Key = TypeVar("Key")

_PRIORITIES = tuple(Priority)  # an enumeration itself takes long to walk


JUST_AFTER_S = 0.001
"""A deadline is missed strictly after it."""


class Queue:
    """Every operation on the path of a request is O(1) but for `put_back`, which is rare."""

    def __init__(self) -> None:
        self.waiting: dict[str, Request] = {}
        """Every request by its id, in arrival order; to be changed by this class alone."""
        self._by_model: dict[str, dict[str, Request]] = {}
        self._lanes: dict[tuple[str, Priority], dict[str, Request]] = {}
        self._deadlines: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self.waiting)

    def __contains__(self, request: str) -> bool:
        return request in self.waiting

    def __iter__(self) -> Iterator[Request]:
        return iter(self.waiting.values())

    def get(self, request: str) -> Request | None:
        """The waiting request of that id."""
        return self.waiting.get(request)

    def add(self, request: Request) -> None:
        """Append at the end."""
        self.waiting[request.id] = request
        for model in request.models:
            _enter(self._by_model, model, request)
            _enter(self._lanes, (model, request.priority), request)
        if request.deadline is not None:
            heapq.heappush(self._deadlines, (request.deadline, request.id))

    def put_back(self, request: Request) -> None:
        """Insert at the head: its server broke off before its client saw a byte."""
        self.waiting = {request.id: request, **self.waiting}
        for model in request.models:
            self._by_model[model] = {request.id: request, **self._by_model.get(model, {})}
            lane = (model, request.priority)
            self._lanes[lane] = {request.id: request, **self._lanes.get(lane, {})}
        if request.deadline is not None:
            heapq.heappush(self._deadlines, (request.deadline, request.id))

    def pop(self, request: str) -> Request | None:
        """Take it out; None if it does not wait."""
        found = self.waiting.pop(request, None)
        if found is not None:
            for model in found.models:
                _drop(self._by_model, model, request)
                _drop(self._lanes, (model, found.priority), request)
        return found

    def models(self) -> tuple[str, ...]:
        """Every model that is waited for."""
        return tuple(self._by_model)

    def waits_for(self, model: str) -> bool:
        """Does anybody wait for this model?"""
        return model in self._by_model

    def of(self, model: str) -> tuple[Request, ...]:
        """Who waits for this model, in arrival order."""
        return tuple(self._by_model.get(model, {}).values())

    def fronts(self, model: str) -> tuple[Request, ...]:
        """The oldest request of every priority that waits for this model, most urgent first."""
        lanes = [self._lanes.get((model, priority)) for priority in _PRIORITIES]
        return tuple([next(iter(lane.values())) for lane in lanes if lane])

    def in_turn(self, model: str) -> Iterator[Request]:
        """Who waits for this model: most urgent, then oldest first."""
        for priority in _PRIORITIES:
            yield from self._lanes.get((model, priority), {}).values()

    def depth(self, model: str) -> int:
        """How many wait for this model."""
        return len(self._by_model.get(model, ()))

    def is_last(self, request: Request) -> bool:
        """Is the turn of everybody who waits for the same model before its own?"""
        model = request.model
        for priority in _PRIORITIES[request.priority + 1 :]:
            if (model, priority) in self._lanes:
                return False
        return next(reversed(self._lanes[model, request.priority])) == request.id

    def any_of(self, requests: frozenset[str]) -> bool:
        """Does any of these still wait?"""
        return any(request in self.waiting for request in requests)

    def by_model(self) -> dict[str, tuple[Request, ...]]:
        """Every model that is waited for, with who waits, in arrival order."""
        return {model: tuple(waiting.values()) for model, waiting in self._by_model.items()}

    def next_deadline(self) -> float | None:
        """The earliest deadline of a waiting request."""
        while self._deadlines and self._deadlines[0][1] not in self.waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def missed_at(self) -> float | None:
        """When the earliest deadline will have passed."""
        deadline = self.next_deadline()
        return None if deadline is None else deadline + JUST_AFTER_S

    def overdue(self, now: float) -> Iterable[Request]:
        """Waiting requests whose deadline has passed; to start at that very moment is in time."""
        if not self._deadlines:
            return ()
        found = {}  # one that was put back may be in the heap twice
        while (deadline := self.next_deadline()) is not None and deadline < now:
            request = heapq.heappop(self._deadlines)[1]
            found[request] = self.waiting[request]
        return list(found.values())


def _enter(index: dict[Key, dict[str, Request]], key: Key, request: Request) -> None:
    waiting = index.get(key)
    if waiting is None:
        index[key] = {request.id: request}
    else:
        waiting[request.id] = request


def _drop(index: dict[Key, dict[str, Request]], key: Key, request: str) -> None:
    waiting = index[key]
    del waiting[request]
    if not waiting:
        del index[key]
