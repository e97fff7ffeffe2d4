from __future__ import annotations

import json
from pathlib import Path

import pytest

from jano_core.errors import TraceError
from jano_core.simulation.trace import parse, read, write
from jano_core.simulation.workloads import make

HEADER = {"trace": "t", "seed": 1, "mem": 64, "models": [{"name": "a", "mem": 40, "load_s": 5}]}


def lines(*rows: dict[str, object], header: dict[str, object] = HEADER) -> list[bytes]:
    return [json.dumps(row).encode() for row in (header, *rows)]


def test_a_trace_written_and_read_is_the_same(tmp_path: Path) -> None:
    made = make("agents", 3)
    write(made, tmp_path / "agents.jsonl")
    assert read(tmp_path / "agents.jsonl") == made


def test_every_line_has_the_keys_of_the_format(tmp_path: Path) -> None:
    write(make("agents", 3), tmp_path / "agents.jsonl")
    header, first, second = map(
        json.loads, (tmp_path / "agents.jsonl").read_text().splitlines()[:3]
    )
    assert header.keys() == {"trace", "seed", "mem", "models", "sets", "contention"}
    assert first.keys() == {"id", "t", "model", "s", "tier", "slo", "patience", "client"}
    assert make("agents", 3).calls[-1].follows is not None
    assert second["t"] > first["t"]


def test_unknown_keys_and_a_missing_tier_are_read(tmp_path: Path) -> None:
    trace = parse(lines({"id": 1, "t": 0, "model": "a", "s": 1, "note": "x"}), "x")
    assert trace.calls[0].tier == 1


def test_a_closed_loop_may_come_in_any_order() -> None:
    rows = [
        {"id": 2, "t": None, "model": "a", "s": 1, "after": 1, "think": 2},
        {"id": 1, "t": 0, "model": "a", "s": 1},
    ]
    assert [call.follows for call in parse(lines(*rows), "x").calls] == [1, None]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1, "t": 0, "model": "b", "s": 1}], "'b', which is not among the models"),
        ([{"id": 1, "model": "a", "s": 1}], "request 1 has neither t nor after"),
        ([{"id": 1, "t": 0, "model": "a", "s": 1}] * 2, "a request's id is given twice"),
        ([{"id": 1, "t": 0, "model": "a", "s": 1, "tier": 3}], "tier 3; allowed are 0, 1 and 2"),
        (
            [
                {"id": 1, "model": "a", "s": 1, "after": 2},
                {"id": 2, "model": "a", "s": 1, "after": 1},
            ],
            "request 1 comes after 2, which never ends",
        ),
        ([{"id": 1, "t": "soon", "model": "a", "s": 1}], "story.jsonl:2: Expected `float | null`"),
    ],
)
def test_what_is_wrong_is_said(rows: list[dict[str, object]], message: str) -> None:
    with pytest.raises(TraceError) as caught:
        parse(lines(*rows), "story.jsonl")
    assert message in str(caught.value)


def test_sets_must_name_models() -> None:
    with pytest.raises(TraceError, match=r"sets name \['z'\]"):
        parse(lines(header={**HEADER, "sets": [["a", "z"]]}), "x")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"none\.jsonl: No such file"):
        read(tmp_path / "none.jsonl")


def test_an_empty_file_has_no_header(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(TraceError, match="no header"):
        read(tmp_path / "empty.jsonl")
