from __future__ import annotations

import pytest

from jano_core.errors import TraceError
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Plan
from jano_core.scheduler.view import View
from jano_core.simulation.simulator import simulate
from jano_core.simulation.workloads import WORKLOADS, make
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart

from .stories import call, loaded, model, play, started, trace, wait


def test_a_burst_of_three_models_costs_three_loads_under_greedy_and_six_in_strict_order() -> None:
    story = trace(
        [model(each) for each in "ABC"], [call(n, n / 10, "ABC"[n % 3]) for n in range(6)]
    )
    assert loaded(play(Greedy(), story)) == "A B C"
    assert loaded(play(Fifo(), story)) == "A B C A B C"


def test_a_load_takes_about_its_time_and_the_same_seed_the_same_time() -> None:
    story = trace([model("A", load_s=100.0)], [call(1, 0.0, "A")])
    first, second = play(Greedy(), story), play(Greedy(), story)
    assert wait(first, 1) == wait(second, 1)
    assert 70 < wait(first, 1) < 140
    assert wait(first, 1) != 100.0


def test_swap_seconds_hold_loads_and_unloads() -> None:
    story = trace([model("A"), model("B", unload_s=3.0)], [call(1, 0.0, "B"), call(2, 0.1, "A")])
    run = play(Greedy(), story)
    loads = [fate.started for fate in run.fates if fate.started is not None]
    assert run.swap_s == pytest.approx(loads[1] - 1.0)  # all of the time but B's second of service


def test_slots_serve_side_by_side() -> None:
    story = trace([model("A", slots=2)], [call(n, 0.0, "A", s=5.0) for n in range(3)])
    run = play(Greedy(), story)
    assert wait(run, 0) == wait(run, 1) == wait(run, 2) - 5.0


def test_active_models_slow_each_other_down() -> None:
    both = [call(1, 0.0, "A", s=60.0), call(2, 0.0, "B", s=60.0)]
    story = trace([model("A", mem=5.0), model("B", mem=5.0)], both, contention=1.0)
    run = play(Greedy(), story)
    ends = sorted(fate.ended or 0.0 for fate in run.fates)
    begins = sorted(fate.started or 0.0 for fate in run.fates)
    alone, shared = (begins[1] - begins[0]) + (ends[1] - ends[0]), ends[0] - begins[1]
    assert alone + shared == pytest.approx(120.0)  # two at half speed do the work of one


def test_a_closed_loop_thinks_before_it_comes_back() -> None:
    story = trace([model("A")], [call(1, 5.0, "A"), call(2, None, "A", after=1, think=7.0)])
    first, second = play(Greedy(), story).fates
    assert second.arrived == pytest.approx((first.ended or 0.0) + 7.0)


def test_who_is_impatient_leaves_and_the_loop_goes_on() -> None:
    calls = [call(1, 0.0, "A", patience=2.0), call(2, None, "A", after=1, think=1.0)]
    first, second = play(Greedy(), trace([model("A")], calls)).fates
    assert (first.started, first.ended) == (None, 2.0)
    assert second.arrived == 3.0
    assert second.started is not None


def test_models_of_different_sets_do_not_live_together() -> None:
    models = [model(each, mem=1.0) for each in "ABC"]
    calls = [call(n, n * 100.0, "ABC"[n]) for n in range(3)]
    run = play(Greedy(), trace(models, calls, sets=(("A", "B"), ("B", "C"))))
    assert [name for at, name, state in run.states if state == "stopping"] == ["A"]


def test_a_pinned_model_stays() -> None:
    models = [model("P", mem=4.0, pinned=True), model("A", mem=6.0), model("B", mem=6.0)]
    calls = [call(n, n * 50.0, name) for n, name in enumerate("PABABP")]
    run = play(Greedy(), trace(models, calls))
    assert loaded(run) == "P A B A B"


def test_a_model_that_never_fits_is_an_error() -> None:
    with pytest.raises(TraceError, match="A can never be loaded"):
        simulate(trace([model("A", mem=11.0)], []), Greedy())


class Idle(Strategy):
    name = "idle"

    def decide(self, view: View) -> Plan:
        return Plan()


def test_a_strategy_that_does_nothing_is_counted_and_everybody_is_served() -> None:
    run = simulate(trace([model("A")], [call(1, 0.0, "A")]), Idle())
    assert started(run) == [1]
    assert run.invalid_plans


@pytest.mark.parametrize("strategy", [Greedy, HeadStart])
@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_is_played_to_its_end(name: str, strategy: type[Strategy]) -> None:
    story = make(name, 2)
    run = play(strategy(), story)
    assert len(run.fates) == len(story.calls)
    assert all(fate.ended is not None for fate in run.fates)
    lost = [fate for fate in run.fates if fate.started is None]
    assert not lost or name == "impatient"


def test_the_same_input_gives_the_same_output() -> None:
    assert play(HeadStart(), make("residency", 5)) == play(HeadStart(), make("residency", 5))
