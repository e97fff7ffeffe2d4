"""What every scheduling strategy must keep, as tests that anybody can run on theirs.

from jano_core.testing.strategy_contract import StrategyContract

class TestPatient(StrategyContract):
    def make(self):
        return Patient()
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Model, Plan
from jano_core.scheduler.view import View

from .playbook import Playbook
from .stage import Arrival, Stage

PIECES = 60
LONG = 1e5
"""Seconds after which a burst of half a minute must be over."""


class StrategyContract(ABC):
    """Subclass it in a test module under a name that pytest collects, and give it `make`."""

    @abstractmethod
    def make(self) -> Strategy:
        """A new strategy, as the configuration would make it."""

    def test_the_same_view_gives_the_same_plan(self) -> None:
        """Pure: no clock, no dice, nothing remembered between decisions."""
        for seed, stage in self._pieces():
            twin = _twin(stage)
            assert not twin.differences, f"piece {seed}: {twin.differences[0]}"

    def test_every_plan_is_legal_and_none_raises(self) -> None:
        """The scheduler never had to fall back to another strategy."""
        for seed, stage in self._pieces():
            told = [note for note in stage.book.notes if note.kind == "strategy_fell_back"]
            assert not told, f"piece {seed}: {told[0].text}"

    def test_everybody_is_answered_in_the_end(self) -> None:
        """Nobody still waits when nothing is to come any more."""
        for seed, stage in self._pieces():
            waiting = [request.id for request in stage.book.scheduler.queue]
            assert not waiting, f"piece {seed}: {waiting} still wait"

    def test_what_it_says_of_itself_is_true(self) -> None:
        """Where it is not asked (`eager`, `in_turn`), asking it would have changed nothing."""
        for seed, stage in self._pieces():
            trusted = _piece(random.Random(seed), self.make())
            for told, asked in ((trusted.order, stage.order), (trusted.loads, stage.loads)):
                assert told == asked, f"piece {seed}: {told}, and when it is asked {asked}"

    def _pieces(self) -> Iterator[tuple[int, Stage]]:
        for seed in range(PIECES):
            twins = _Twins(self.make(), self.make())
            yield seed, _piece(random.Random(seed), twins)


class _Twins(Strategy):
    """Two of a kind that see the same views, the second one only every other."""

    name = "twins"

    def __init__(self, first: Strategy, second: Strategy) -> None:
        super().__init__()
        self._first = first
        self._second = second
        self._asked = 0
        self.differences: list[str] = []

    def decide(self, view: View) -> Plan:
        plan = self._first.decide(view)
        self._asked += 1
        if self._asked % 2:
            other = self._second.decide(view)
            if other != plan:
                self.differences.append(f"{plan} and then {other}")
        return plan


def _twin(stage: Stage) -> _Twins:
    strategy = stage.book.policy.strategy
    assert isinstance(strategy, _Twins)
    return strategy


def _piece(dice: random.Random, strategy: Strategy) -> Stage:
    """A random box and a random burst; all times are exact, so that a piece repeats."""
    names = ("chat", "code", "fast", "tiny")[: dice.randint(2, 4)]
    roomy = dice.random() < 0.5
    models = [
        Model(
            name=name,
            memory=dice.randint(1, 4) if roomy else None,
            parallel=dice.choice((1, 1, 2, 4)),
            ttl=dice.choice((0.0, 0.0, 30.0)),
        )
        for name in names
    ]
    book = Playbook(models, strategy, budget=dice.randint(4, 8) if roomy else None)

    def took(order: str) -> float:
        return dice.randint(1, 80) / 4 if order.startswith("load") else dice.randint(1, 12) / 4

    return Stage(book, took).play(_burst(dice, names), until=LONG)


def _burst(dice: random.Random, names: tuple[str, ...]) -> list[Arrival]:
    burst: list[Arrival] = []
    for number in range(dice.randint(1, 25)):
        at = dice.randint(0, 120) / 4
        urgency = dice.choice(("high", "normal", "normal", "low"))
        burst.append((at, f"{number} arrives for {dice.choice(names)} ({urgency})"))
        if dice.random() < 0.1:
            burst.append((at + dice.randint(1, 40) / 4, f"{number} leaves"))
    return burst
