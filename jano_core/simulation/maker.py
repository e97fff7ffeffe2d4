"""Makes up traces: random arrivals and lengths from a seed, the same every time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .trace import Call, CallId, Header, Trace, TraceModel

OVERHEAD_S = 0.3
SPREAD = 0.7
LONGEST = 6


def model(name: str, mem: float, load_s: float, slots: int = 1, **more: Any) -> TraceModel:
    """A model that gives 40 tokens a second unless told otherwise."""
    more.setdefault("tok_s", 40.0)
    return TraceModel(name=name, mem=mem, load_s=load_s, slots=slots, **more)


class Maker:
    """Collects the requests of one trace. Times in seconds, rates per second."""

    def __init__(
        self, name: str, seed: int, mem: float, models: Sequence[TraceModel], **more: Any
    ) -> None:
        self.random = random.Random(f"{name} {seed}")
        self._header = Header(trace=name, seed=seed, mem=mem, models=tuple(models), **more)
        self._speed = {each.name: each.tok_s or 40.0 for each in models}
        self._calls: list[Call] = []

    def call(self, at: float | None, model: str, tokens: float, **more: Any) -> CallId:
        """One request whose answer has about `tokens` tokens: lognormal, never endless."""
        drawn = self.random.lognormvariate(math.log(tokens) - SPREAD**2 / 2, SPREAD)
        seconds = OVERHEAD_S + min(drawn, LONGEST * tokens) / self._speed[model]
        at = None if at is None else round(at, 3)
        number = len(self._calls)
        self._calls.append(Call(id=number, t=at, model=model, s=round(seconds, 3), **more))
        return number

    def burst(
        self, at: float, count: int, model: str, tokens: float, spread: float = 2.0, **more: Any
    ) -> None:
        """`count` requests within `spread` seconds."""
        for _ in range(count):
            self.call(at + self.random.uniform(0, spread), model, tokens, **more)

    def arrivals(
        self,
        every: float,
        start: float,
        end: float,
        share: Callable[[float], float] = lambda _: 1.0,
    ) -> Iterator[float]:
        """Times of a Poisson process with a mean distance of `every`; `share(t)` thins it."""
        at = start
        while (at := at + self.random.expovariate(1 / every)) < end:
            if self.random.random() < share(at):
                yield at

    def trace(self) -> Trace:
        """What was collected, in order of arrival; closed loops in order of making."""
        return Trace(self._header, tuple(sorted(self._calls, key=_arrival)))


def _arrival(call: Call) -> float:
    return math.inf if call.t is None else call.t
