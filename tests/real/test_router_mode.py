"""llama-server's router mode: somebody else's server that Jano asks for one model at a time."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from jano_core.runtime.ports import free_port
from jano_core.testing.running import RunningJano, running_jano
from tests.processes import alive, wait_for
from tests.real.conftest import SENTENCES
from tests.wire_client import ask, chat, exchange, until

pytestmark = [pytest.mark.real, pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"


class Box(NamedTuple):
    """Jano, and the router that it does not own."""

    jano: RunningJano
    router: str
    process: subprocess.Popen[bytes]

    def loaded(self) -> list[str]:
        """By the router's own word."""
        return [each["id"] for each in models_of(self.router) if state(each) == "loaded"]


def models_of(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/models", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]
    return found


def state(entry: dict[str, Any]) -> str:
    return str(entry["status"]["value"])


def answers(url: str) -> bool:
    try:
        return bool(models_of(url))
    except OSError:
        return False


@pytest.fixture(scope="module")
def box(
    llama_server: str, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("router")
    (folder / "models").mkdir()
    for name, path in models.items():
        (folder / "models" / f"{name}.gguf").symlink_to(path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [llama_server, "--models-dir", str(folder / "models"), "--models-max", "0"]
    command += ["--host", "127.0.0.1", "--port", str(port), "-np", "2", "-c", "8192", "-t", "1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(url), "the router answers")
        config = ""
        for name in models:
            config += f'[models.{name}]\nbackend = "llamacpp"\nurl = "{url}"\n'
            config += f'upstream_model = "{name}"\naliases = ["{name}-for-short"]\n'
        with running_jano(config, folder / "jano") as jano:
            yield Box(jano, url, process)
    finally:
        process.terminate()
        process.wait()


async def test_nothing_is_loaded_by_looking(box: Box) -> None:
    states = box.jano.get("/status")["models"]
    assert {each["state"] for each in states.values()} == {"stopped"}
    assert box.loaded() == []


@pytest.mark.parametrize("model", SENTENCES)
async def test_a_swap_unloads_the_one_and_loads_the_other(box: Box, model: str) -> None:
    answer = await ask(box.jano.url, CHAT, chat(f"{model}-for-short"))
    assert answer.status == 200, answer.body
    assert answer.json()["choices"][0]["message"]["content"].strip() == SENTENCES[model]
    assert box.loaded() == [model]
    assert box.jano.get("/status")["models"][model]["inFlight"] == 0


async def test_slots_are_those_of_the_model_s_own_process(box: Box) -> None:
    await ask(box.jano.url, CHAT, chat("river"))
    rows = box.jano.get("/running")["running"]
    assert [row["model"] for row in rows] == ["river"]


async def test_a_stream_that_came_past_jano_is_not_cut_short_by_a_swap(box: Box) -> None:
    """The router would end the process with all that runs on it."""
    await ask(box.jano.url, CHAT, chat("slow"))
    body = chat("slow", stream=True, ignore_eos=True, max_tokens=300)
    got = b""
    async with exchange(box.router, CHAT, body) as stranger:
        assert await stranger.head() == 200
        chunks = stranger.chunks()
        got += await anext(chunks)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, box.jano.url, CHAT, chat("river"))
            async for chunk in chunks:
                got += chunk
    assert b"data: [DONE]" in got
    assert box.loaded() == ["river"]


async def test_the_last_one_is_unloaded_and_the_router_stays(box: Box) -> None:
    await ask(box.jano.url, CHAT, chat("tower"))
    answer = await ask(box.jano.url, "/api/models/unload", b"{}")
    assert answer.status == 200
    await until(lambda: box.loaded() == [], "it is out of memory")
    assert alive(box.process.pid)
