"""What a real router was asked for, replayed under another strategy: a command, and its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from jano_core.testing.running import running_jano
from tests.simulated import model_table
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]


async def test_from_running_under_three_strategies_and_for_a_larger_box(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    config = '[memory]\nbudget = "4GiB"\n'
    config += "".join(model_table(name, book, "--load 0.2", 'memory = "3GiB"') for name in "ab")
    with running_jano(config, tmp_path / "jano") as jano:
        for model in "abab":
            await ask(jano.url, "/v1/chat/completions", chat(model))
        found = await simulate(jano.url, "headstart", "greedy", "fifo")
        assert [each["strategy"] for each in found] == ["headstart", "greedy", "fifo"]
        assert {(each["served"], each["swaps"]) for each in found} == {(4, 4)}
        [larger] = await simulate(jano.url, "greedy", "--memory", "8GiB")
        assert larger["swaps"] == 2


async def simulate(url: str, *strategies: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "jano_core", "simulate", "--from-running", "--json"]
    ran = await anyio.run_process(
        [*command, "--url", url, "--strategy", *strategies], check=False, stderr=subprocess.STDOUT
    )
    assert ran.returncode == 0, ran.stdout.decode()
    found: list[dict[str, object]] = json.loads(ran.stdout)
    return found


async def test_what_was_measured_is_known_after_a_restart(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    config = model_table("a", book, "--load 0.6")
    with running_jano(config, tmp_path / "jano") as jano:
        await ask(jano.url, "/v1/chat/completions", chat("a"))
    with running_jano(config, tmp_path / "jano") as jano:
        lines = (await ask(jano.url, "/api/trace")).body.splitlines()
    [model] = json.loads(lines[0])["models"]
    assert 0.5 < model["load_s"] < 5, "not the 20 s of a box that has seen nothing"
