"""The running Jano of the wire tests: it tells why it did not start, and it leaves nothing."""

from __future__ import annotations

import subprocess
import sys
import time
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


def test_who_is_killed_leaves_no_router(tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl")
    script = f"""
from pathlib import Path
from jano_core.testing.running import running_jano
with running_jano({config!r}, Path({str(tmp_path / "jano")!r})) as jano:
    print(jano.pid, flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        router = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 10
    while alive(router) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(router)


def test_what_goes_wrong_inside_carries_the_log(tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl")
    with (
        pytest.raises(ValueError, match="inside") as caught,
        running_jano(config, tmp_path / "jano"),
    ):
        raise ValueError("inside")
    (note,) = caught.value.__notes__
    assert "listening on http://127.0.0.1:" in note
