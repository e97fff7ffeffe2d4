"""The reference page says what the code does: every key, metric and name, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from jano_core.telemetry.captures import Captures
from jano_core.telemetry.fact_log import FactLog
from jano_core.telemetry.facts import (
    ConfigReloaded,
    RequestRequeued,
    ServerCrashed,
    StrategyFellBack,
    SwapEnded,
    SwapStarted,
)
from jano_core.telemetry.names import NAMES

from .figures import START, Model, Picture, Wall, ended, failed_load, ledger, swap, waits
from .test_exposition import busy_house

PAGE = (Path(__file__).parents[2] / "docs/reference/telemetry.md").read_text()


def table(below: str) -> list[list[str]]:
    """The cells of the first table after this text."""
    _, found, rest = PAGE.partition(below)
    assert found, below
    lines = rest[rest.index("\n|") + 1 :].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def keys(below: str) -> list[str]:
    return [row[0] for row in table(below)]


def pages() -> dict[str, Any]:
    book = ledger(Wall())
    book.observe(swap("chat", "code", 2.0))
    book.observe(ended("code", client="a", queue_ms=2000.0, swap_ms=2000.0))
    captures = Captures(100_000)
    captures.begin("1", "/", [], b"")
    captures.keep(1, ended("code"))
    status = book.status(Picture({"code": Model()}))
    return {
        "## Status": status,
        "Each of `models`:": status["models"]["code"],
        "`swapCostToday`, which": status["swapCostToday"],
        "## Usage": book.usage()["records"][0],
        "## Captures": captures.get(1),
    }


@pytest.mark.parametrize("below", [*pages()])
def test_keys_in_their_order(below: str):
    assert keys(below) == [*pages()[below]]


def test_rows_of_the_day_s_account():
    told = {row[0]: row[2] for row in table("`swapCostToday`, which")}
    for name in ("byTransition", "byClient"):
        row = pages()["`swapCostToday`, which"][name][0]
        named = re.findall(r"(\w+)`", told[name])
        assert named == [*row]


def test_metrics():
    families: dict[str, list[Any]] = {}
    for line in busy_house().splitlines():
        if line.startswith("# HELP "):
            _, _, name, about = line.split(" ", 3)
            families[name] = ["", [], about]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            families[name][0] = kind
        else:
            name = re.match(r"\w+", line)[0]  # type: ignore[index]
            family = name if name in families else name.rpartition("_")[0]
            labels = families[family][1]
            labels += [each for each in re.findall(r'(\w+)="', line) if each not in labels]
    told = table("## Metrics\n")
    assert [row[0] for row in told] == [*families]
    for name, kind, labels, about in told:
        known = [each for each in families[name][1] if each != "le"]
        assert [kind, re.findall(r"\w+", labels), about] == [families[name][0], known, about]
        assert about == families[name][2]


def test_names_of_opentelemetry():
    told = [key for kind in ("span", "attribute", "instrument", "resource")
            for key in keys(f"names of {kind}s -->")]  # fmt: skip
    assert sorted(told) == sorted(NAMES)


def test_log_lines(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    for fact in (
        waits("1", "a"),
        SwapStarted(at=START, swap=1, model="a", why="there is room"),
        swap("", "a", 1.0),
        failed_load("a"),
        SwapEnded(at=START, swap=1, model="a", outcome="cancelled"),
        ended("a"),
        ended("a", resident=True),
        ended("a", outcome="refused", status=503, code="model_unavailable", fails=3, error="x"),
        ended("a", outcome="left", status=499),
        ended("a", outcome="left", status=499, queue_ms=1.0),
        ended("a", outcome="failed", status=502, code="upstream_failed", error="x"),
        RequestRequeued(at=START, id="1", model="a", why="x"),
        ended("a", outcome="refused", status=503, code="queue_full", error="x"),
        ended("a", outcome="cancelled", status=499, code="request_cancelled", error="x"),
        ServerCrashed(at=START, model="a", why="x"),
        StrategyFellBack(at=START, strategy="s", why="x"),
        ConfigReloaded(at=START),
    ):
        FactLog().observe(fact)
    said = {record.getMessage(): [*record.jano_fields] for record in caplog.records}  # type: ignore[attr-defined]
    told = {row[0]: row[1].split() for row in table("## The log")}
    assert said == told
