from __future__ import annotations

import pytest

from jano_core.errors import TraceError
from jano_core.simulation.workloads import WORKLOADS, make


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_seed_makes_the_same_trace_again_and_another_seed_another(name: str) -> None:
    assert make(name, 4) == make(name, 4)
    assert make(name, 4).calls != make(name, 5).calls
    assert make(name, 4).header.trace == name


@pytest.mark.parametrize("name", WORKLOADS)
def test_requests_come_in_order_and_ask_for_models_of_the_trace(name: str) -> None:
    trace = make(name, 1)
    times = [call.t for call in trace.calls if call.t is not None]
    assert times == sorted(times)
    assert {call.model for call in trace.calls} == {model.name for model in trace.header.models}
    assert all(call.s > 0.3 for call in trace.calls)


def test_there_are_fifteen_each_with_a_line_that_says_what_it_is() -> None:
    assert len(WORKLOADS) == 15
    assert all((function.__doc__ or "").endswith(".") for function in WORKLOADS.values())


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(TraceError, match="no workload 'nix'; there are herd, herd-parallel"):
        make("nix")
