"""The whole house before a real llama-server: what a user with two models and one memory sees."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.components import require
from tests.processes import alive
from tests.real.conftest import SENTENCES
from tests.wire_client import Answer, ask, chat, events, exchange, until

pytestmark = [pytest.mark.real, pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
ENDLESS = {"ignore_eos": True, "max_tokens": 3000}


def text(answer: Answer) -> str:
    content = answer.json()["choices"][0]["message"]["content"]
    return str(content).strip()


async def llama_slots(jano: RunningJano, model: str) -> list[bool]:
    """Which of the server's slots are at work, by its own word."""
    answer = await ask(jano.url, f"/upstream/{model}/slots")
    return [slot["is_processing"] for slot in answer.json()]


def servers_of(path: Path) -> list[int]:
    """Living llama-servers that have this model file on their command line."""
    require("procfs", Path("/proc/self").exists(), "this test reads /proc, which Linux has")
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended while we looked
        if program.endswith(b"llama-server") and str(path).encode() in arguments:
            found.append(int(entry.name))
    return [pid for pid in found if alive(pid)]


@pytest.mark.parametrize("model", SENTENCES)
async def test_each_model_answers_in_its_own_words(jano: RunningJano, model: str) -> None:
    answer = await ask(jano.url, CHAT, chat(model))
    assert answer.status == 200, answer.body
    assert text(answer) == SENTENCES[model]


@pytest.mark.parametrize("model", SENTENCES)
async def test_a_stream_is_passed_on_to_its_end(jano: RunningJano, model: str) -> None:
    answer = await ask(jano.url, CHAT, chat(model, stream=True))
    *chunks, done = events(answer.body)
    assert done == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    said = "".join(delta.get("content") or "" for delta in deltas)
    assert said.strip() == SENTENCES[model]


async def test_a_mixed_burst_costs_one_swap(jano: RunningJano) -> None:
    await ask(jano.url, CHAT, chat("river"))
    swaps = jano.get("/status")["swapsLastHour"]
    said: dict[int, str] = {}

    async def one(number: int, model: str) -> None:
        said[number] = text(await ask(jano.url, CHAT, chat(model)))

    burst = ["river", "tower", "river", "river", "tower", "tower"] * 3
    async with anyio.create_task_group() as clients:
        for number, model in enumerate(burst):
            clients.start_soon(one, number, model)
    assert [said[number] for number in range(len(burst))] == [SENTENCES[m] for m in burst]
    # The first tower may come before a river of the same instant: then there is a way back.
    assert jano.get("/status")["swapsLastHour"] - swaps <= 2


async def test_the_other_server_is_gone_after_a_swap(
    jano: RunningJano, models: dict[str, Path]
) -> None:
    await ask(jano.url, CHAT, chat("river"))
    assert len(servers_of(models["river"])) == 1
    await ask(jano.url, CHAT, chat("tower"))
    assert servers_of(models["river"]) == []
    assert len(servers_of(models["tower"])) == 1


async def test_slots_are_read_from_the_server(jano: RunningJano) -> None:
    """river was started with -np 2 and the configuration says nothing of it."""
    await ask(jano.url, CHAT, chat("river"))
    assert len(await llama_slots(jano, "river")) == 2
    running = [chat("river", stream=True, **ENDLESS)] * 2
    async with (
        exchange(jano.url, CHAT, running[0]) as one,
        exchange(jano.url, CHAT, running[1]) as two,
        exchange(jano.url, CHAT, chat("river")),
    ):
        assert await one.head() == await two.head() == 200
        assert await anext(one.chunks())
        assert await anext(two.chunks())
        queued = await until(lambda: jano.get("/api/queue")["waiting"], "the third waits")
        assert [row["model"] for row in queued] == ["river"]


async def test_usage_comes_from_usage_and_rates_from_timings(jano: RunningJano) -> None:
    answer = (await ask(jano.url, CHAT, chat("tower"))).json()
    newest = jano.get("/usage?limit=1")["records"][0]
    assert newest["model"] == "tower"
    assert newest["prompt_tokens"] == answer["usage"]["prompt_tokens"]
    assert newest["gen_tokens"] == answer["usage"]["completion_tokens"]
    assert newest["cached_tokens"] == answer["timings"]["cache_n"]
    assert newest["gen_tok_s"] == pytest.approx(answer["timings"]["predicted_per_second"], abs=0.1)
    assert newest["prompt_tok_s"] == pytest.approx(answer["timings"]["prompt_per_second"], abs=0.1)


async def test_a_client_that_leaves_frees_the_slot(jano: RunningJano) -> None:
    body = chat("slow", stream=True, **ENDLESS)
    async with exchange(jano.url, CHAT, body) as made:
        assert await made.head() == 200
        await anext(made.chunks())
    with anyio.fail_after(5):  # it would speak for many seconds more
        while any(await llama_slots(jano, "slow")):
            pass


async def test_a_stream_of_a_killed_server_ends_with_an_error_and_the_next_is_served(
    jano: RunningJano, models: dict[str, Path]
) -> None:
    body = chat("slow", stream=True, **ENDLESS)
    async with exchange(jano.url, CHAT, body) as made:
        await made.head()
        chunks = made.chunks()
        got = await anext(chunks)
        (pid,) = servers_of(models["slow"])
        os.kill(pid, signal.SIGKILL)
        async for chunk in chunks:
            got += chunk
    assert json.loads(events(got)[-1])["error"]["code"] == "upstream_failed"
    assert (await ask(jano.url, CHAT, chat("slow"))).status == 200


async def test_a_swap_waits_for_a_running_stream(jano: RunningJano) -> None:
    """The server is drained before it is stopped, so that the stream is whole."""
    ends: list[Any] = []

    async def speak() -> None:
        body = chat("slow", stream=True, ignore_eos=True, max_tokens=200)
        ends.append(events((await ask(jano.url, CHAT, body)).body)[-1])

    await ask(jano.url, CHAT, chat("slow"))
    async with anyio.create_task_group() as clients:
        clients.start_soon(speak)
        await until(lambda: jano.get("/status")["inFlight"], "it speaks")
        assert text(await ask(jano.url, CHAT, chat("river"))) == SENTENCES["river"]
        assert ends == ["[DONE]"]


async def test_a_model_that_cannot_be_loaded_says_what_the_server_said(
    llama_server: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    command = [llama_server, "-m", str(broken), "--port", "${PORT}"]
    config = f'[models.broken]\nbackend = "llamacpp"\ncmd = {json.dumps(command)}\n'
    with running_jano(config, tmp_path / "jano") as jano:
        answer = await ask(jano.url, CHAT, chat("broken"))
    assert answer.status == 503
    error = answer.json()["error"]
    assert error["code"] == "model_load_failed"
    assert "broken.gguf" in error["detail"]
