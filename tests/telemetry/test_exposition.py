"""The text of /metrics: the original's families word for word, and promtool's opinion."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jano_core.telemetry.facts import (
    RequestFirstByte,
    ServerCrashed,
    StrategyFellBack,
)

from .figures import START, Model, Picture, Wall, ended, failed_load, ledger, swap, three_calls

GOLDEN = Path(__file__).parent / "exposition.txt"


def busy_house() -> str:
    wall = Wall()
    book = ledger(wall)
    for fact in three_calls():
        book.observe(fact)
    book.observe(RequestFirstByte(at=START, id="3", model="beta", ms=9.0))
    book.observe(failed_load("alpha"))
    book.observe(ServerCrashed(at=START, model="beta", why="gone"))
    book.observe(ended("beta", id="4", at=START, outcome="refused", status=503, code="queue_full"))
    book.observe(StrategyFellBack(at=START, strategy="patient", why="ZeroDivisionError"))
    wall.time += 90.5
    models = {"alpha": Model(), "beta": Model(state="ready", queued=2, in_flight=1)}
    return book.metrics(Picture(models, current_model="beta"))


def test_every_line():
    assert busy_house() == GOLDEN.read_text()


def test_the_originals_lines():
    book = ledger(Wall())
    for fact in three_calls():
        book.observe(fact)
    lines = book.metrics(Picture({"alpha": Model(), "beta": Model()})).splitlines()
    assert "jano_swap_duration_milliseconds_count 1" in lines
    assert 'jano_swaps_total{from="alpha",to="beta"} 1' in lines
    assert 'jano_backend_up{model="alpha"} 1' in lines


def test_before_the_first_swap_there_is_one_bare_zero():
    lines = ledger(Wall()).metrics(Picture({})).splitlines()
    assert "jano_swaps_total 0" in lines


def test_the_first_swap_comes_from_none():
    book = ledger(Wall())
    book.observe(swap("", "alpha", 1.0))
    assert 'jano_swaps_total{from="(none)",to="alpha"} 1' in book.metrics(Picture({}))


def test_the_swap_histogram_counts_all_swaps_for_ever():
    book = ledger(Wall())
    for _ in range(600):
        book.observe(swap("a", "b", 1.0))
    book.observe(swap("a", "b", 400.0))
    lines = book.metrics(Picture({})).splitlines()
    buckets = [line for line in lines if line.startswith("jano_swap_duration_milliseconds_bucket")]
    assert [line.rpartition(" ")[2] for line in buckets] == ["600"] * 7 + ["601"]
    assert "jano_swap_duration_milliseconds_sum 1000000" in lines


def test_labels_are_escaped():
    text = ledger(Wall()).metrics(Picture({'a"b\\c\nd': Model(queued=1)}))
    assert r'jano_queue_depth{model="a\"b\\c\nd"} 1' in text


def test_promtool_has_only_the_originals_unit_to_say():
    if not (promtool := shutil.which("promtool")):
        pytest.skip("needs promtool: install the Debian package prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=busy_house(), capture_output=True, text=True
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line]
    names = {line.split()[0] for line in said if re.search("base unit", line)}
    assert len(names) == len(set(said))
    assert names <= {
        "jano_swap_duration_milliseconds",
        "jano_swap_transition_duration_milliseconds",
    }
