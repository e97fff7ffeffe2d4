"""Random histories under wise and foolish strategies: the scheduler's promises always hold.

The promises are asserted by `shell.Shell` at every command, and at the end of each history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import seed
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jano_core.scheduler import events as ev
from jano_core.scheduler.policy import Policy
from jano_core.scheduler.residency import Budget, ResidencyRule
from jano_core.scheduler.rules.groups import Group, Groups, GroupsSettings
from jano_core.scheduler.rules.matrix import Matrix, MatrixSettings, MatrixTable
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Model, Priority, Request
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart, HeadStartSettings
from tests.scheduler.conftest import PROFILE, SEED
from tests.scheduler.foolish import Drunk, Glutton, Hostile, Juggler, Sleeper
from tests.scheduler.shell import Shell

NAMES = ("a", "b", "c", "d")

EAGER = HeadStartSettings(alpha=0.0, hold=0.0, linger=9.0, preload=0.1, shortest_first=True)

STRATEGIES: dict[str, Any] = {
    "greedy": lambda _: Greedy(),
    "fifo": lambda _: Fifo(),
    "headstart": lambda _: HeadStart(),
    "eager headstart": lambda _: HeadStart(EAGER),
    "drunk": Drunk,
    "glutton": lambda _: Glutton(),
    "hostile": Hostile,
    "sleeper": lambda _: Sleeper(),
    "juggler": lambda _: Juggler(),
}

GROUPS = GroupsSettings(
    groups={
        "small": Group(members=("a", "b"), swap=False, exclusive=False),
        "kept": Group(members=("c",), exclusive=False, persistent=True),
    }
)
MATRIX = MatrixSettings(
    matrix=MatrixTable(evict_costs={"a": 5}, sets={"one": "a & (b | c)", "two": "b & d"})
)

RULES: dict[str, Callable[[Mapping[str, Model], int | None], ResidencyRule]] = {
    "budget": Budget,
    "groups": lambda known, budget: Groups(known, budget, GROUPS),
    "matrix": lambda known, budget: Matrix(known, budget, MATRIX),
}

OUTCOMES = ("served", "served", "failed", "left", "cancelled", "retry", "retry")

budgets = st.one_of(st.none(), st.integers(4, 8))
models = st.builds(
    Model,
    name=st.just(""),
    parallel=st.integers(1, 3),
    memory=st.one_of(st.none(), st.integers(1, 4)),
    pinned=st.sampled_from((False, False, False, True)),
    resident=st.sampled_from((False, False, False, False, True)),
    ttl=st.sampled_from((0.0, 0.0, 7.0)),
)


def named(drawn: list[Model], rule: str, budget: int | None) -> list[Model]:
    """Valid as a configuration is: whatever is pinned leaves room for each of the others."""
    known: list[Model] = []
    for name, model in zip(NAMES, drawn, strict=False):
        fields = {field: getattr(model, field) for field in model.__struct_fields__}
        for pinned in {model.pinned, False}:
            known.append(Model(**{**fields, "name": name, "pinned": pinned}))
            if valid(known, rule, budget):
                break
            known.pop()
        else:
            known.append(Model(**{**fields, "name": name, "pinned": False}))
    return known


def valid(known: list[Model], rule: str, budget: int | None) -> bool:
    together = {model.name: model for model in known if not model.resident}
    wrong = {name for name, _ in RULES[rule](together, budget).problems()}
    return not wrong & {model.name for model in known}  # rules also name models of later on


class Histories(RuleBasedStateMachine):
    """Clients, servers, people and time, in any order."""

    @initialize(
        strategy=st.sampled_from(sorted(STRATEGIES)),
        number=st.integers(0, 2**16),
        drawn=st.lists(models, min_size=2, max_size=4),
        budget=budgets,
        limit=st.sampled_from((3, 1000)),
        max_wait=st.sampled_from((0.0, 0.0, 20.0)),
        rule=st.sampled_from(sorted(RULES)),
    )
    def begin(
        self,
        strategy: str,
        number: int,
        drawn: list[Model],
        budget: int | None,
        limit: int,
        max_wait: float,
        rule: str,
    ) -> None:
        self.count = 0
        self.max_wait, self.rule = max_wait, rule
        self.policy = self.make_policy(STRATEGIES[strategy](number), budget, limit)
        known = named(drawn, rule, budget)
        self.shell = Shell(known, self.policy)
        self.configured = [model.name for model in known]
        self.budget = budget
        self.shell.tell("unpin", "a")  # any event: it starts those that are always up

    def make_policy(self, strategy: Strategy, budget: int | None, limit: int) -> Policy:
        make = RULES[self.rule]
        return Policy(
            strategy=strategy,
            fallback=Greedy(),
            make_rule=lambda known: make(known, budget),
            queue_limit=limit,
            max_wait=self.max_wait,
            stall_limit=30.0,
        )

    @rule(
        burst=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), min_size=1, max_size=5),
        session=st.sampled_from(("", "", "s", "t")),
        length=st.sampled_from((None, 1.0, 100.0)),
        priority=st.sampled_from(Priority),
        patience=st.one_of(st.none(), st.none(), st.floats(0, 30)),
        allow_swap=st.sampled_from((True, True, True, False)),
    )
    def arrive(
        self,
        burst: list[list[int]],
        session: str,
        length: float | None,
        priority: Priority,
        patience: float | None,
        allow_swap: bool,
    ) -> None:
        now = self.shell.now
        for acceptable in burst:
            self.count += 1
            names = [self.configured[model % len(self.configured)] for model in acceptable]
            self.shell.arrive(
                Request(
                    id=str(self.count),
                    models=tuple(dict.fromkeys(names)),
                    session=session,
                    length=length,
                    arrived=now,
                    priority=priority,
                    deadline=None if patience is None else now + patience,
                    allow_swap=allow_swap,
                )
            )

    @precondition(lambda self: self.shell.under_way() or self.shell.running)
    @rule(rounds=st.integers(1, 4), seconds=st.sampled_from((0.0, 2.0)))
    def all_goes_well(self, rounds: int, seconds: float) -> None:
        for _ in range(rounds):
            for model in self.shell.under_way():
                self.shell.answer(model)
            for request in sorted(self.shell.running)[:2]:
                self.shell.finish(request, "served", retry=False)
            self.shell.wait(seconds)

    @precondition(lambda self: self.shell.waiting)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        self.shell.leave(data.draw(st.sampled_from(sorted(self.shell.waiting))))

    @precondition(lambda self: self.shell.running)
    @rule(data=st.data(), how=st.sampled_from(OUTCOMES))
    def finishes(self, data: st.DataObject, how: Any) -> None:
        request = data.draw(st.sampled_from(sorted(self.shell.running)))
        self.shell.finish(request, "failed" if how == "retry" else how, how == "retry")

    @precondition(lambda self: self.shell.under_way())
    @rule(
        data=st.data(),
        fine=st.sampled_from((True, True, True, False)),
        parallel=st.one_of(st.none(), st.integers(1, 4)),
        memory=st.one_of(st.none(), st.integers(1, 9)),
    )
    def answers(
        self, data: st.DataObject, fine: bool, parallel: int | None, memory: int | None
    ) -> None:
        model = data.draw(st.sampled_from(self.shell.under_way()))
        self.shell.answer(model, fine, parallel, memory)

    @precondition(lambda self: self.shell.up())
    @rule(data=st.data())
    def crashes(self, data: st.DataObject) -> None:
        self.shell.crash(data.draw(st.sampled_from(self.shell.up())))

    @precondition(lambda self: self.shell.up())
    @rule(data=st.data(), memory=st.integers(1, 9))
    def weighed(self, data: st.DataObject, memory: int) -> None:
        model = data.draw(st.sampled_from(self.shell.up()))
        self.shell.deliver(ev.Weighed, model=model, memory=memory)

    @rule(action=st.sampled_from(("unload", "pin", "unpin", "forgive")), model=st.integers(0, 3))
    def told(self, action: str, model: int) -> None:
        self.shell.tell(action, self.configured[model % len(self.configured)])

    @rule(seconds=st.sampled_from((0.01, 1.0, 8.0, 130.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        self.shell.wait(seconds)

    @precondition(lambda self: self.count % 3 == 0)  # not too often
    @rule(
        drawn=st.lists(models, min_size=1, max_size=4),
        changed=st.frozensets(st.sampled_from(NAMES)),
        limit=st.sampled_from((1, 1000)),
    )
    def reconfigured(self, drawn: list[Model], changed: frozenset[str], limit: int) -> None:
        budget = self.budget
        known = named(drawn, self.rule, budget)
        self.configured = [model.name for model in known]
        self.policy = self.make_policy(self.policy.strategy, budget, limit)
        self.shell.reconfigure(known, self.policy, changed & set(self.configured))

    def teardown(self) -> None:
        """Nobody new comes and nothing fails any more: everybody is answered."""
        if not hasattr(self, "shell"):
            return
        shell = self.shell
        for _ in range(5000):
            shell.wait(5.0)
            for model in shell.under_way():
                shell.answer(model)
            for request in tuple(shell.running):
                shell.finish(request, "served", retry=False)
            if not (shell.waiting or shell.running or shell.under_way()):
                break
            if not (shell.running or shell.under_way()):
                due = shell.scheduler.next_deadline()
                assert due is not None, f"{sorted(shell.waiting)} wait for ever"
                shell.wait(max(0.0, due - shell.now))
        assert not shell.waiting
        assert shell.answered == {str(number + 1) for number in range(self.count)}


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("error")
def test_the_promises_hold_in_every_history() -> None:
    run_state_machine_as_test(seed(SEED)(Histories), settings=PROFILE)
