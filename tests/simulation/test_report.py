from __future__ import annotations

import msgspec
import pytest

from jano_core.simulation.report import measure, percentile, table
from jano_core.strategies.greedy import Greedy

from .stories import call, model, play, trace

CALLS = [
    call(1, 0.0, "A", tier=0),
    call(2, 0.0, "A", tier=2, s=3.0),
    call(3, 0.0, "A", patience=1.0),
]


def test_the_object_has_the_keys_of_the_contract() -> None:
    report = measure(play(Greedy(), trace([model("A"), model("B")], CALLS)))
    found = msgspec.to_builtins(report)
    assert " ".join(found) == (
        "trace strategy requests served lost swaps swap_s mean_wait_s p50_wait_s p95_wait_s "
        "p99_wait_s max_wait_s makespan_s invalid_plans by_tier by_model"
    )
    keys = "requests served lost mean_wait_s p95_wait_s p99_wait_s max_wait_s"
    assert {tier: " ".join(each) for tier, each in found["by_tier"].items()} == {
        "high": keys, "normal": keys, "low": keys
    }  # fmt: skip
    assert list(found["by_model"]) == ["A", "B"]


def test_waits_are_over_the_served_and_the_lost_are_counted() -> None:
    run = play(Greedy(), trace([model("A")], CALLS))
    report = measure(run)
    first, second = (fate.started for fate in run.fates if fate.started is not None)
    assert (report.requests, report.served, report.lost, report.swaps) == (3, 2, 1, 1)
    assert report.mean_wait_s == pytest.approx((first + second) / 2, abs=0.001)
    assert report.max_wait_s == pytest.approx(second, abs=0.001)
    assert report.by_tier["normal"].lost == 1
    assert report.by_tier["normal"].max_wait_s == 0.0
    assert report.makespan_s == pytest.approx(second + 3.0, abs=0.001)


def test_percentiles_lie_between_the_nearest_ranks() -> None:
    assert percentile([0.0, 1.0, 2.0, 3.0], 0.5) == 1.5
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) == 0.0


def test_the_table_has_a_line_a_run_and_names_invalid_plans() -> None:
    report = measure(play(Greedy(), trace([model("A")], CALLS)))
    bad = msgspec.structs.replace(report, strategy="odd", invalid_plans=2)
    lines = table([report, bad]).splitlines()
    assert " ".join(lines[0].split()) == (
        "trace strategy served lost swaps swap_s mean p50 p95 p99 max ends_at"
    )
    assert lines[1].split()[:5] == ["story", "greedy", "2", "1", "1"]
    assert lines[3] == "odd made 2 invalid plans on story"
