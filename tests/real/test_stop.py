"""Ending a real llama-server, which may ignore a SIGTERM while it streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from jano_core.runtime.ports import free_port
from jano_core.runtime.process_tree import descendants
from jano_core.testing.running import RunningJano, running_jano
from tests.processes import alive
from tests.wire_client import ask, chat, events, exchange

pytestmark = [pytest.mark.real, pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
ENDLESS = chat("slow", stream=True, ignore_eos=True, max_tokens=3000)
STOP_S = 2


class Box:
    """A Jano that is soon out of patience, with one slow model."""

    def __init__(self, jano: RunningJano, server: str) -> None:
        self.jano = jano
        self.server = server

    async def gone(self, processes: set[int]) -> None:
        """Wait until all of them are; a kill is the last of two bounded steps before it."""
        with anyio.fail_after(2 * STOP_S + 10):
            while any(map(alive, processes)):  # noqa: ASYNC110 - they tell nobody
                await anyio.sleep(0.05)


@pytest.fixture
def box(llama_server: str, models: dict[str, Path], tmp_path: Path) -> Iterator[Box]:
    server = f"http://127.0.0.1:{free_port()}"
    command = [llama_server, "-m", str(models["slow"]), "--host", "127.0.0.1"]
    command += ["--port", server.rpartition(":")[2], "-c", "8192", "-np", "2", "-t", "1"]
    config = f'[server]\nshutdown_grace = "500ms"\n[swap]\nstop_timeout = "{STOP_S}s"\n'
    config += f'[models.slow]\nbackend = "llamacpp"\nurl = "{server}"\n'
    config += f"cmd = {json.dumps(command)}\n"
    with running_jano(config, tmp_path) as jano:
        yield Box(jano, server)


async def test_streams_are_cancelled_before_the_server_is_told_to_end(box: Box) -> None:
    async with exchange(box.jano.url, CHAT, ENDLESS) as stream:
        assert await stream.head() == 200
        chunks = stream.chunks()
        got = await anext(chunks)
        processes = descendants(box.jano.pid)
        assert processes
        box.jano.terminate()
        async for chunk in chunks:
            got += chunk
        await box.gone(processes)
    # Jano's own word, not that of a connection that broke under it.
    assert json.loads(events(got)[-1])["error"]["code"] == "shutting_down"


async def test_a_stream_that_came_past_jano_does_not_keep_the_server_alive(box: Box) -> None:
    await ask(box.jano.url, CHAT, chat("slow", max_tokens=1))
    async with exchange(box.server, CHAT, ENDLESS) as stranger:
        assert await stranger.head() == 200
        await anext(stranger.chunks())
        processes = descendants(box.jano.pid)
        box.jano.terminate()
        await box.gone(processes)
