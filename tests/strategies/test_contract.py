"""The strategies that come with Jano keep the contract; the contract finds those that do not."""

from __future__ import annotations

import random

import pytest

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Plan
from jano_core.scheduler.view import View
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart
from jano_core.testing.strategy_contract import StrategyContract
from tests.scheduler.foolish import Sleeper


class Patient(Strategy):
    """The example of the plugin interface; who waits longest says what is loaded next."""

    name = "patient"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        load = [Load(each.model, evict=view.evictions(each.model)) for each in view.queue[:1]]
        return Plan(serve=view.fill(), load=load, wake_at=None)


class TestGreedy(StrategyContract):
    def make(self) -> Strategy:
        return Greedy()


class TestFifo(StrategyContract):
    def make(self) -> Strategy:
        return Fifo()


class TestHeadStart(StrategyContract):
    def make(self) -> Strategy:
        return HeadStart()


class TestPatient(StrategyContract):
    def make(self) -> Strategy:
        return Patient()


class Dicer(Greedy):
    """Throws dice."""

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        return Plan(serve=view.fill()) if random.random() < 0.5 else super().decide(view)


class Forgetful(Greedy):
    """Remembers what it did, so that the same view is not the same to it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        self.asked += 1
        return super().decide(view) if self.asked % 3 else Plan(serve=view.fill())


class Rash(Strategy):
    """Evicts whatever is there."""

    name = "rash"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        evict = tuple(each.model for each in view.instances.values() if each.state == "ready")
        return Plan(serve=view.fill(), load=[Load(each.model, evict) for each in view.queue])


def contract_of(strategy: type[Strategy]) -> StrategyContract:
    class Contract(StrategyContract):
        def make(self) -> Strategy:
            return strategy()

    return Contract()


@pytest.mark.parametrize("strategy", [Dicer, Forgetful])
def test_an_impure_strategy_is_found(strategy: type[Strategy]) -> None:
    with pytest.raises(AssertionError, match="and then"):
        contract_of(strategy).test_the_same_view_gives_the_same_plan()


class Boaster(Fifo):
    """Says that a request passes others where its model has a free slot, which it forbids."""

    in_turn = True


def test_a_strategy_that_speaks_wrongly_of_itself_is_found() -> None:
    with pytest.raises(AssertionError, match="and when it is asked"):
        contract_of(Boaster).test_what_it_says_of_itself_is_true()


@pytest.mark.parametrize("strategy", [Rash, Sleeper])
def test_a_strategy_that_must_be_overruled_is_found(strategy: type[Strategy]) -> None:
    with pytest.raises(AssertionError, match="piece 0"):
        contract_of(strategy).test_every_plan_is_legal_and_none_raises()
