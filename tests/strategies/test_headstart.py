"""The rules of headstart as stories in virtual time; a load takes about ten seconds."""

from __future__ import annotations

from typing import Any

import pytest

from jano_core.scheduler.events import Arrived
from jano_core.scheduler.types import Request
from jano_core.simulation.simulator import Run
from jano_core.simulation.trace import Call
from jano_core.simulation.workloads import make
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart, HeadStartSettings
from jano_core.testing.playbook import Playbook
from tests.simulation.stories import call, loaded, model, play, started, trace, wait

HIGH, LOW = 0, 2


def settings(**more: Any) -> HeadStart:
    return HeadStart(HeadStartSettings(**more))


def stream(count: int, every: float, name: str = "A") -> list[Call]:
    return [call(n, n * every, name, s=every) for n in range(count)]


def hot_and_rare(strategy: HeadStart | Greedy) -> Run:
    """A is asked for without a pause for ten minutes, B once."""
    calls = [*stream(600, 1.0), call(1000, 60.0, "B")]
    return play(strategy, trace([model("A"), model("B")], calls))


def test_a_rare_request_waits_for_a_head_start_and_not_for_the_end_of_the_stream() -> None:
    trip = 2 * (10 + 1)
    assert wait(hot_and_rare(Greedy()), 1000) > 500
    waited = wait(hot_and_rare(HeadStart()), 1000)
    backlog = 12  # seconds of A that had piled up while A was loaded
    assert 4 * trip * 0.8 < waited < 4 * trip * 1.2 + backlog + 15


def test_a_larger_alpha_is_a_longer_head_start() -> None:
    waits = [wait(hot_and_rare(settings(alpha=alpha)), 1000) for alpha in (1.0, 2.0, 4.0, 8.0)]
    assert waits == sorted(waits)
    assert waits[-1] > 3 * waits[0]


def test_a_swap_serves_everybody_who_waited_when_it_was_done() -> None:
    gate = [call(n, 1.0 + n / 10, "B", s=9.0) for n in range(1, 16)]
    others = [call(20, 60.0, "A"), *(call(n, 70.0 + n, "B") for n in range(30, 35))]
    story = trace([model("A"), model("B")], [call(0, 0.0, "A", s=30.0), *gate, *others])
    run = play(settings(alpha=0.1), story)
    assert loaded(run) == "A B A B"
    assert started(run) == [0, *range(1, 16), 20, *range(30, 35)]


def test_the_oldest_goes_next() -> None:
    calls = [call(0, 0.0, "A", s=20.0), call(1, 2.0, "C"), call(2, 1.0, "B"), call(3, 3.0, "D")]
    run = play(HeadStart(), trace([model(name) for name in "ABCD"], calls))
    assert loaded(run) == "A B C D"


def test_urgent_work_interrupts_a_batch_and_the_batch_goes_on() -> None:
    batch = [call(n, 0.0, "A", s=5.0, tier=LOW) for n in range(40)]
    story = trace([model("A"), model("B")], [*batch, call(100, 60.0, "B", tier=HIGH)])
    run = play(HeadStart(), story)
    assert loaded(run) == "A B A"
    assert wait(run, 100) < 5 + 12 + 5
    assert wait(play(Greedy(), story), 100) > 100


def test_a_batch_is_not_interrupted_before_half_a_round_trip() -> None:
    batch = [call(n, 0.0, "A", s=1.0, tier=LOW) for n in range(60)]
    story = trace([model("A"), model("B")], [*batch, call(100, 12.0, "B", tier=HIGH)])
    eager, patient = play(settings(hold=0.0), story), play(settings(hold=1.0), story)
    assert wait(patient, 100) - wait(eager, 100) > 10


def agent_and_other(strategy: HeadStart) -> Run:
    """An agent that thinks for two seconds; in its last pause another model is asked for."""
    loop = [call(0, 0.0, "A")]
    loop += [call(n, None, "A", after=n - 1, think=2.0) for n in range(1, 12)]
    return play(strategy, trace([model("A"), model("B")], [*loop, call(100, 32.5, "B")]))


def test_a_dry_model_is_kept_for_an_agent_that_comes_right_back() -> None:
    assert loaded(agent_and_other(HeadStart())) == "A B"
    assert loaded(agent_and_other(settings(linger=0.0))) == "A B A"


def test_nobody_lingers_for_ever() -> None:
    run = agent_and_other(HeadStart())
    assert wait(run, 100) < 2 * (10 + 1) + 12 + 1


def test_the_overdue_is_not_overtaken() -> None:
    """C is small and could slip in beside A for ever; B needs the whole box."""
    models = [model("A", mem=5.0, load_s=5.0), model("C", mem=5.0, load_s=5.0), model("B")]
    hot = [call(n, n * 0.5, "AC"[n % 2], s=0.9) for n in range(1200)]
    run = play(HeadStart(), trace(models, [*hot, call(5000, 30.0, "B")], contention=0.0))
    assert wait(run, 5000) < 150


def test_a_pinned_model_is_never_waited_for_in_vain() -> None:
    models = [model("P", mem=6.0, pinned=True), model("A", mem=4.0), model("B", mem=4.0)]
    calls = [call(n, n * 1.0, "PAB"[n % 3]) for n in range(60)]
    run = play(HeadStart(), trace(models, calls))
    assert len(started(run)) == 60
    assert loaded(run).count("P") == 1


def test_what_is_known_to_be_short_goes_first_until_the_long_ones_are_due() -> None:
    long = [call(n, 0.0, "A", s=10.0, tokens=1000) for n in range(3)]
    short = [call(10 + n, 0.1 + n, "A", s=1.0, tokens=10) for n in range(60)]
    story = trace([model("A")], [*long, *short, call(99, 0.5, "A")])
    assert started(play(HeadStart(), story))[:3] == [0, 1, 2]
    order = started(play(settings(shortest_first=True), story))
    assert order[:8] == list(range(10, 18))  # those that came while A was loaded
    assert wait(play(settings(shortest_first=True), story), 2) < 2 * (10 + 1) * 1.2 + 2 * 10 + 1


def test_who_is_short_does_not_pass_one_whose_server_broke_off() -> None:
    book = Playbook("chat", settings(shortest_first=True)).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
    """)
    short = Request(id="2", models=("chat",), arrived=book.now, length=1.0)
    book.scheduler.handle(Arrived(at=book.now, request=short))
    book.perform("""
        1 breaks    | grant 1
        1 is served | grant 2
    """)


def test_a_box_that_rests_loads_what_is_asked_for_most_if_told_to() -> None:
    busy = [call(n, n * 20.0, "A") for n in range(20)]
    story = trace([model("A"), model("B")], [*busy, call(50, 400.0, "B"), call(51, 600.0, "A")])
    assert wait(play(HeadStart(), story), 51) > 5
    assert wait(play(settings(preload=1.0), story), 51) == 0.0


def test_a_box_that_rests_loads_what_usually_follows_if_told_to() -> None:
    """Someone plans, writes half a minute later, and comes back after five minutes."""
    turns = [
        call(2 * turn + step, 330.0 * turn + 30.0 * step, "PW"[step])
        for turn in range(8)
        for step in (0, 1)
    ]
    story = trace([model("P"), model("W")], turns)
    assert wait(play(HeadStart(), story), 15) > 5
    assert wait(play(settings(preload=0.5), story), 15) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_what_was_loaded_for_somebody_serves_before_it_goes(seed: int) -> None:
    """The live-lock of evicting what was just loaded, on the workload that is worst for it."""
    run = play(HeadStart(), make("overload", seed))
    served = [(fate.started, fate.call.model) for fate in run.fates if fate.started is not None]
    for (at, name), (until, _) in zip(run.loads, run.loads[1:], strict=False):
        assert any(at <= when <= until and model == name for when, model in served)


def test_half_the_waiting_of_agents_and_a_bounded_tail_beside_greedy() -> None:
    agents = make("agents", 11)
    assert _mean(play(HeadStart(), agents)) < 0.8 * _mean(play(Greedy(), agents))
    rare = make("rare-parallel", 11)
    assert _longest(play(HeadStart(), rare)) < _longest(play(Greedy(), rare))


def _waits(run: Run) -> list[float]:
    return [fate.started - fate.arrived for fate in run.fates if fate.started is not None]


def _mean(run: Run) -> float:
    return sum(_waits(run)) / len(_waits(run))


def _longest(run: Run) -> float:
    return max(_waits(run))
