"""Where nothing happens, nothing wakes up."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import anyio
import pytest
import trio

from jano_core.runtime.memoir import FILE, Memoir
from jano_core.testing.playhouse import Actor, playhouse

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("config", ["", '[memory]\nbudget = "10GiB"'])
async def test_an_idle_house_waits_for_no_moment(config: str, tmp_path: Path) -> None:
    async with (
        playhouse(Actor("chat"), Actor("code"), config=config) as stage,
        anyio.create_task_group() as tasks,
    ):
        jano = stage.jano
        tasks.start_soon(Memoir(tmp_path, jano.dispatcher.scheduler, jano.facts).keep)
        for asked in ((), ("chat", "code")):
            for model in asked:
                body = json.dumps({"model": model}).encode()
                call, _ = await stage.client.ask("POST", "/v1/chat/completions", body)
                assert call.status == 200
            await anyio.sleep(3600)
            assert trio.lowlevel.current_statistics().seconds_to_next_deadline == inf
        assert json.loads((tmp_path / FILE).read_text())["load_s"].keys() == {"chat", "code"}
        tasks.cancel_scope.cancel()
