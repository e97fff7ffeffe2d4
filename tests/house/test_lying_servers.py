"""Servers that say yes too early, obey too late or never: by their own books no model is asked too
soon, and never are two in memory where there is room for one.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from jano_core.testing.asgi_client import Client
from jano_core.testing.fakes.house import house_before
from jano_core.testing.fakes.koboldcpp import FakeKobold
from jano_core.testing.fakes.lmstudio import FakeLMStudio
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.ollama import FakeOllama
from jano_core.testing.fakes.server import FakeServer, Ways
from jano_core.testing.fakes.tabby import FakeTabby
from jano_core.testing.fakes.vllm import FakeVLLM

PORT = 9001
URL = f"http://127.0.0.1:{PORT}"
MODELS = ("chat", "code")
BURST = ("chat", "code", "chat", "code", "chat", "code")


def make(backend: str, memory: Memory, ways: Ways) -> FakeServer:
    match backend:
        case "ollama":
            return FakeOllama(memory, MODELS, ways)
        case "koboldcpp":
            return FakeKobold(memory, [f"{name}.kcpps" for name in MODELS], ways)
        case "tabby":
            return FakeTabby(memory, MODELS, ways)
    return FakeLMStudio(memory, MODELS, ways)


def tables(backend: str, more: str = "") -> str:
    keys = f'backend = "{backend}"\nurl = "{URL}"\nstart_timeout = "60s"\n{more}\n'
    return "[server]\nkeepalive = 0\n" + "".join(f"[models.{name}]\n{keys}" for name in MODELS)


async def ask(client: Client, model: str) -> tuple[int, Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    connection, answer = await client.ask("POST", "/v1/chat/completions", body)
    return connection.status, json.loads(answer)


async def burst(client: Client) -> list[int]:
    statuses: list[int] = []

    async def one(model: str) -> None:
        statuses.append((await ask(client, model))[0])

    async with anyio.create_task_group() as tasks:
        for model in BURST:
            tasks.start_soon(one, model)
    return statuses


@pytest.mark.anyio
@pytest.mark.parametrize("backend", ["ollama", "koboldcpp", "tabby", "lmstudio"])
@pytest.mark.parametrize(
    "ways",
    [Ways(load_s=20), Ways(load_s=5, late_s=4), Ways(frees_s=6)],
    ids=["honest", "late", "memory later"],
)
async def test_a_burst_over_one_server_costs_one_swap(backend: str, ways: Ways) -> None:
    memory = Memory()
    server = make(backend, memory, ways)
    async with house_before(tables(backend), {PORT: server}) as client:
        assert await burst(client) == [200] * 6
    assert server.early == []
    assert len(server.served) == 6
    assert len(memory.order) == 2
    assert memory.most_at_once == 1


@pytest.mark.anyio
@pytest.mark.parametrize("ways", [Ways(late_s=3), Ways(frees_s=6)], ids=["late", "memory later"])
@pytest.mark.parametrize("level", [1, 2])
async def test_two_engines_take_turns_by_sleeping(level: int, ways: Ways) -> None:
    memory = Memory()
    servers = {PORT + n: FakeVLLM(memory, name, ways) for n, name in enumerate(MODELS)}
    for server in servers.values():
        server.listed.set(True)
        server.asleep.set(True)
        server.level, server.weights_good, server.cache_back = level, level == 1, level == 1
    config = f"[backends.vllm]\nsleep_level = {level}\n" + "".join(
        f'[models.{server.model}]\nbackend = "vllm"\nurl = "http://127.0.0.1:{port}"\n'
        for port, server in servers.items()
    )
    async with house_before(config, dict(servers)) as client:
        assert await burst(client) == [200] * 6
        assert await burst(client) == [200] * 6
    for server in servers.values():
        assert (server.early, server.aborted, server.garbled) == ([], 0, False)
    assert memory.most_at_once == 1


@pytest.mark.anyio
async def test_what_was_in_memory_before_jano_is_put_away_where_there_is_no_room() -> None:
    memory = Memory()
    server = FakeOllama(memory, MODELS)
    for name in MODELS:
        await server.answer("POST", "/api/generate", {}, {"model": name})
    async with house_before(tables("ollama"), {PORT: server}) as client:
        await anyio.sleep(1)
        assert sum(memory.holds(f"{name}:latest") for name in MODELS) == 1
        assert (await ask(client, "chat"))[0] == 200


@pytest.mark.anyio
async def test_who_does_not_let_go_keeps_the_next_one_out() -> None:
    memory = Memory()
    server = FakeOllama(memory, MODELS, Ways(hangs_in_unload=True))
    async with house_before(tables("ollama"), {PORT: server}) as client:
        assert (await ask(client, "chat"))[0] == 200
        for _ in range(4):  # more often than its own failures would be forgiven
            status, answer = await ask(client, "code")
            assert (status, answer["error"]["code"]) == (503, "model_load_failed")
            assert "chat may still be in memory" in answer["error"]["message"]
        server.ways = Ways()
        assert (await ask(client, "code"))[0] == 200
    assert memory.most_at_once == 1


@pytest.mark.anyio
@pytest.mark.parametrize("memory", ["", '[memory]\nbudget = "8GiB"\n'])
async def test_it_does_not_keep_out_what_is_always_up_nor_the_other_way_round(memory: str) -> None:
    server = FakeOllama(Memory(), MODELS, Ways(hangs_in_unload=True))
    more = tables("ollama", 'memory = "8GiB"').replace(
        "[models.code]", "[models.code]\nresident = true"
    )
    async with house_before(memory + more, {PORT: server}) as client:
        for first, second in (MODELS, MODELS[::-1]):
            assert (await ask(client, first))[0] == 200
            await client.ask("POST", f"/api/models/unload/{first}")
            await client.ask("POST", f"/api/models/unload/{second}")
            assert (await ask(client, second))[0] == 200


@pytest.mark.anyio
async def test_memory_that_does_not_come_back_keeps_the_next_one_out() -> None:
    memory = Memory()
    server = FakeOllama(memory, MODELS, Ways(frees_s=40))
    async with house_before(tables("ollama"), {PORT: server}) as client:
        assert (await ask(client, "chat"))[0] == 200
        status, answer = await ask(client, "code")
        assert status == 503
        message = answer["error"]["message"]
        assert "chat may still be in memory: its server still holds 4.0 GiB of GPU" in message
        await anyio.sleep(20)
        assert (await ask(client, "code"))[0] == 200
    assert memory.most_at_once == 1


@pytest.mark.anyio
async def test_a_load_that_never_ends_is_an_error_in_time() -> None:
    server = FakeOllama(Memory(), MODELS, Ways(never_ready=True))
    async with house_before(tables("ollama"), {PORT: server}) as client:
        status, answer = await ask(client, "chat")
    assert (status, answer["error"]["code"]) == (503, "model_load_failed")
    assert server.early == []


@pytest.mark.anyio
async def test_a_server_that_dies_of_a_load_is_told() -> None:
    server = FakeTabby(Memory(), MODELS, Ways(dies_in_load=True))
    async with house_before(tables("tabby"), {PORT: server}) as client:
        status, answer = await ask(client, "chat")
    assert (status, answer["error"]["code"]) == (503, "model_load_failed")
    assert "TabbyAPI did not load chat" in answer["error"]["message"]
