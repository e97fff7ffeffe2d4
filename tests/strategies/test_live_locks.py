"""Ways in which a queue in front of swapped models can stand still for ever, in virtual time.

Each strategy must come through; the strategies of `foolish.py`, with the kernel's help.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Model, Plan
from jano_core.scheduler.view import View
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart, HeadStartSettings
from jano_core.testing.playbook import Playbook
from jano_core.testing.stage import Stage


class Overdue(Strategy):
    """Whoever has waited for a second is next, whatever was just loaded for somebody else: the
    rule that swaps for ever and serves nobody, if nothing keeps it from doing so.
    """

    name = "overdue"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        late = [each for each in view.queue if view.now - each.arrived > 1]
        for request in sorted(late, key=lambda each: view.instances[each.model].state == "ready"):
            if view.instances[request.model].state == "stopped":
                evict = view.evictions(request.model)
                return Plan(serve=view.fill(evict or ()), load=[Load(request.model, evict)])
        return Plan(serve=view.fill(), wake_at=view.now + 0.5 if view.queue else None)


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "headstart": HeadStart,
    "eager": lambda: HeadStart(HeadStartSettings(alpha=0.0, hold=0.0, linger=0.0)),
    "greedy": Greedy,
    "fifo": Fifo,
    "overdue": Overdue,
}
every_strategy = pytest.mark.parametrize("name", STRATEGIES)


def took(order: str) -> float:
    """Loads take ten seconds, everything else one."""
    return 10.0 if order.startswith("load") else 1.0


@every_strategy
def test_what_was_loaded_for_somebody_is_not_evicted_before_it_served(name: str) -> None:
    """llama.cpp #28698: two models, each evicted for the other as soon as it is ready."""
    stage = Stage(Playbook("a b c", STRATEGIES[name]()), took)
    stage.play([(number / 10, f"{number} arrives for {'abc'[number % 3]}") for number in range(30)])
    assert sorted(stage.order, key=int) == [str(number) for number in range(30)]
    assert len(stage.loads) <= 30, "each load served somebody"


@every_strategy
def test_who_can_never_fit_beside_what_is_pinned_does_not_wait_for_it(name: str) -> None:
    models = [Model(name="kept", memory=6, pinned=True), Model(name="large", memory=8)]
    models.append(Model(name="small", memory=2))
    book = Playbook(models, STRATEGIES[name](), budget=10)
    stage = Stage(book, took)
    burst = [
        (0.0, "1 arrives for kept"),
        (5.0, "2 arrives for large"),
        (6.0, "3 arrives for small"),
    ]
    burst += [(20.0 + number, f"{10 + number} arrives for kept") for number in range(10)]
    stage.play(burst)
    assert stage.refused == ["2"]
    assert len(stage.order) == 12


@every_strategy
def test_a_set_that_is_pinned_later_on_lets_nobody_wait_in_vain(name: str) -> None:
    models = [Model(name=each, memory=5) for each in "abc"]
    stage = Stage(Playbook(models, STRATEGIES[name](), budget=10), took)
    burst = [(0.0, "1 arrives for a"), (0.1, "2 arrives for b")]
    burst += [(40.0, "pin a"), (40.0, "pin b"), (41.0, "3 arrives for c"), (60.0, "unpin b")]
    burst += [(61.0, "4 arrives for c")]
    stage.play(burst)
    assert stage.refused == ["3"]
    assert stage.order == ["1", "2", "4"]
