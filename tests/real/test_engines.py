"""Two real engines behind one Jano: llama-server and mlx_lm.server, two models each, one that
calls tools and one of embeddings, a single one of them in memory at a time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.runtime.process_tree import descendants
from jano_core.testing.running import RunningJano, running_jano
from tests.components import require
from tests.processes import alive
from tests.real.conftest import SENTENCES
from tests.real.tiny_gguf import write_model
from tests.wire_client import Answer, ask, chat, events, exchange, until

pytestmark = [pytest.mark.real, pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
OF_MLX = {
    "meadow": "a meadow full of clover sleeps under the moon",
    "lantern": "one lantern swings above an empty pier",
}
ALL = SENTENCES | OF_MLX
TTL_S = 1.5
CALL = '<tool_call> {"name": "note", "arguments": {"tone": "low"}} </tool_call>'
NOTE = {
    "type": "function",
    "function": {
        "name": "note",
        "description": "Take a note.",
        "parameters": {
            "type": "object",
            "properties": {"tone": {"type": "string", "enum": ["low"]}},
            "required": ["tone"],
        },
    },
}


def command(server: str, *arguments: object) -> str:
    """A table's line, for a server on a port of Jano's choice."""
    words = [server, *map(str, arguments), "--port", "${PORT}", "--host", "127.0.0.1"]
    return f"cmd = {json.dumps(words)}\n"


@pytest.fixture(scope="module")
def box(
    llama_server: str,
    mlx_server: str,
    models: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningJano]:
    folder = tmp_path_factory.mktemp("engines")
    config = ""
    for name in SENTENCES:
        config += f'[models.{name}]\nbackend = "llamacpp"\n'
        config += command(llama_server, "-m", models[name], "-c", 4096, "-np", 2, "-t", 1)
    for name, sentence in OF_MLX.items():
        python = Path(mlx_server).with_name("python")
        script = Path(__file__).with_name("tiny_mlx.py")
        subprocess.run([python, script, folder / name, sentence], check=True)
        config += f'[models.{name}]\nbackend = "mlx"\nparallel = 2\n'
        config += f'ttl = {TTL_S}\naliases = ["{name}-for-short"]\n' if name == "lantern" else ""
        config += command(mlx_server, "--model", folder / name)
    caller = write_model(folder / "caller.gguf", CALL)
    config += '[models.caller]\nbackend = "llamacpp"\n'
    config += command(llama_server, "-m", caller, "-c", 4096, "-np", 1, "-t", 1)
    vectors = write_model(folder / "vectors.gguf", "words become places")
    config += '[models.vectors]\nbackend = "llamacpp"\n'
    config += command(llama_server, "-m", vectors, "--embedding", "--pooling", "mean", "-t", 1)
    with running_jano(config, folder / "jano", env={"HF_HOME": str(folder / "hub")}) as jano:
        yield jano


def text(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"]).strip()


def servers(jano: RunningJano) -> list[int]:
    """Model servers that live below Jano, by the system's word."""
    require("procfs", Path("/proc/self").exists(), "this test reads /proc, which Linux has")
    found = []
    for pid in descendants(jano.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended while we looked
        program = words[1] if b"python" in words[0] else words[0]
        if program.endswith((b"llama-server", b"mlx_lm.server")) and alive(pid):
            found.append(pid)
    return found


def loaded(jano: RunningJano) -> list[str]:
    states = jano.get("/status")["models"]
    return [name for name, each in states.items() if each["state"] != "stopped"]


async def test_a_burst_over_four_models_costs_four_loads(box: RunningJano) -> None:
    said: dict[int, str] = {}

    async def one(number: int, model: str) -> None:
        said[number] = text(await ask(box.url, CHAT, chat(model)))

    burst = ["river", "meadow", "tower", "lantern"] * 4
    async with anyio.create_task_group() as clients:
        for number, model in enumerate(burst):
            clients.start_soon(one, number, model)
            await anyio.sleep(0.001)  # in this order, and before the first model is ready
    assert [said[number] for number in range(len(burst))] == [ALL[model] for model in burst]
    assert box.get("/status")["swapsLastHour"] == 4


@pytest.mark.parametrize("model", ["river", "meadow"])
async def test_a_stream_is_whole_and_its_usage_is_read(box: RunningJano, model: str) -> None:
    body = chat(model, stream=True, stream_options={"include_usage": True})
    answer = await ask(box.url, CHAT, body)
    *chunks, done = events(answer.body)
    assert done == "[DONE]" and answer.whole
    documents = [json.loads(chunk) for chunk in chunks]
    deltas = [each["choices"][0]["delta"] for each in documents if each["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas).strip() == ALL[model]
    newest = box.get("/usage?limit=1")["records"][0]
    assert newest["model"] == model
    assert newest["gen_tokens"] == documents[-1]["usage"]["completion_tokens"] > 5


async def test_only_one_engine_is_in_memory(box: RunningJano) -> None:
    for model in ("river", "meadow"):
        await ask(box.url, CHAT, chat(model))
        assert loaded(box) == [model]
        assert len(servers(box)) == 1


async def test_an_alias_is_rewritten_to_what_the_server_knows(box: RunningJano) -> None:
    """mlx_lm.server would take any other name for a model to be downloaded."""
    assert text(await ask(box.url, CHAT, chat("lantern-for-short"))) == OF_MLX["lantern"]


async def test_an_idle_model_goes_after_its_ttl(box: RunningJano) -> None:
    assert text(await ask(box.url, CHAT, chat("lantern"))) == OF_MLX["lantern"]
    await until(lambda: loaded(box) == [], "its server is gone", 15)
    assert servers(box) == []


async def test_tools_are_called_through_llama_server(box: RunningJano) -> None:
    """The server reads the call out of what its model says, by the model's own template."""
    answer = await ask(box.url, CHAT, chat("caller", tools=[NOTE], tool_choice="required"))
    assert answer.status == 200, answer.body
    (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "note"
    assert json.loads(call["function"]["arguments"]) == {"tone": "low"}


async def test_tools_are_taken_by_mlx(box: RunningJano) -> None:
    """The tiny model calls none; what matters is that the server gets them and answers."""
    assert text(await ask(box.url, CHAT, chat("meadow", tools=[NOTE]))) == OF_MLX["meadow"]


async def test_embeddings(box: RunningJano) -> None:
    body = json.dumps({"model": "vectors", "input": ["a mill", "a tower"]}).encode()
    answer = await ask(box.url, "/v1/embeddings", body)
    assert answer.status == 200, answer.body
    first, second = (each["embedding"] for each in answer.json()["data"])
    assert len(first) == len(second) == 64 and first != second


async def test_a_killed_server_is_noticed_and_the_next_request_is_served(
    box: RunningJano,
) -> None:
    await ask(box.url, CHAT, chat("meadow"))
    (pid,) = servers(box)
    os.kill(pid, signal.SIGKILL)
    assert text(await ask(box.url, CHAT, chat("meadow"))) == OF_MLX["meadow"]
    assert servers(box) != [pid]


async def test_a_client_that_leaves_while_an_engine_is_being_loaded_leaves_nothing(
    box: RunningJano,
) -> None:
    await ask(box.url, CHAT, chat("river"))
    async with exchange(box.url, CHAT, chat("meadow")):
        await until(lambda: loaded(box) == ["meadow"], "it is being loaded")
    await until(lambda: loaded(box) == [], "the load is given up")
    assert servers(box) == []


async def test_a_model_that_is_not_here_is_not_downloaded(mlx_server: str, tmp_path: Path) -> None:
    config = '[models.far]\nbackend = "mlx"\n' + command(mlx_server, "--model", "nobody/nothing")
    with running_jano(config, tmp_path, env={"HF_HOME": str(tmp_path / "hub")}) as jano:
        answer = await ask(jano.url, CHAT, chat("far"))
    assert answer.status == 503
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == "model_load_failed"
