"""The tutorial for strategies, as a reader would go through it."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from jano_core.testing.running import running_jano
from tests.docs.reader import follow
from tests.simulated import entries, model_table
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

TUTORIAL = Path(__file__).parents[2] / "examples" / "write-a-strategy"


def test_the_strategy_takes_fewer_than_20_lines() -> None:
    text = (TUTORIAL / "jano_crowd.py").read_text()
    code = [line for line in text.partition('"""\n')[2].splitlines() if line.strip()]
    assert len(code) < 20


async def test_its_commands_work_and_a_router_uses_it(tmp_path: Path) -> None:
    followed = await follow(TUTORIAL, tmp_path)
    told = followed.told
    assert "jano-crowd" in told and "5 passed" in told
    simulated = re.findall(r"^(herd|rare) +(crowd|greedy|headstart) ", told, re.MULTILINE)
    assert len(simulated) == 6

    book = tmp_path / "book.jsonl"
    config = '[scheduler]\nstrategy = "crowd"\n'
    config += "".join(model_table(name, book, "--load 0.2") for name in ("chat", "code", "draw"))
    with running_jano(config, tmp_path / "jano", env={"PYTHONPATH": followed.site}) as jano:
        async with anyio.create_task_group() as clients:
            slow = chat("chat", simulate={"rate": 16})
            clients.start_soon(ask, jano.url, "/v1/chat/completions", slow)
            await anyio.sleep(0.5)
            for model in ("code", "draw", "draw"):
                clients.start_soon(ask, jano.url, "/v1/chat/completions", chat(model))
        assert jano.get("/status")["strategy"] == "crowd"
    begun = [line["server"] for line in entries(book, "begin")]
    assert begun == ["chat", "draw", "draw", "code"]
