"""`jano why`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from jano_core.cli.group import cli
from tests.cli.fake_router import STORY, fake_router


def why(*arguments: str) -> tuple[int, str]:
    with fake_router() as (address, _):
        result = CliRunner().invoke(cli, ["why", *arguments, "--url", address])
    return result.exit_code, result.output


def test_the_story_is_told_line_by_line() -> None:
    code, told = why("42")
    lines = told.splitlines()
    assert code == 0
    assert lines[0] == "42 for code: served, waited 30.5 s, 20.0 s of it for a swap"
    told = " ".join(lines[1].split())
    assert told == "0.0 s head start: chat is not done; ahead: 1, 2, 3, 4, 5 and 2 more"
    assert lines[2].endswith("swap: its turn; evicted: chat")
    assert len(lines) == 4


def test_as_json_it_is_the_routers_own() -> None:
    code, told = why("42", "--json")
    assert (code, json.loads(told)) == (0, STORY)


@pytest.mark.parametrize("request_id", ["7", "a/b", "ü"])
def test_an_unknown_request_is_an_error(request_id: str) -> None:
    code, _ = why(request_id)
    assert code == 1
