"""The running Jano of the wire tests: it tells why it did not start, and it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from jano_core.testing.running import running_jano, start_jano
from tests.processes import alive
from tests.simulated import model_table

pytestmark = pytest.mark.wire


def test_a_router_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unknown backend"):
        start_jano('[models.chat]\nbackend = "nobody"\nurl = "http://127.0.0.1:9"', tmp_path)


def test_the_end_of_the_block_is_the_end_of_the_router(tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl")
    with running_jano(config, tmp_path / "jano") as jano:
        assert jano.get("/health")["ok"] is True
    assert jano.wait() == 0
    assert not alive(jano.pid)


def test_what_goes_wrong_inside_carries_the_log(tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl")
    with (
        pytest.raises(ValueError, match="inside") as caught,
        running_jano(config, tmp_path / "jano"),
    ):
        raise ValueError("inside")
    (note,) = caught.value.__notes__
    assert "listening on http://127.0.0.1:" in note
