"""Why a request waits, what was recorded of it, and how good the estimates were."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from jano_core.simulation.simulator import simulate
from jano_core.simulation.trace import parse
from jano_core.strategies.headstart import HeadStart
from jano_core.testing.asgi_client import Client
from jano_core.testing.playhouse import Actor, Says, playhouse

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"


def slowly(heard: object) -> Says:
    return Says(first=10.0)


def cast() -> tuple[Actor, Actor]:
    return (
        Actor("chat", load_s=5.0, script=slowly),
        Actor("code", load_s=20.0, script=slowly),
    )


async def get(client: Client, target: str, status: int = 200) -> Any:
    call, body = await client.ask("GET", target)
    assert call.status == status, body
    return json.loads(body)


async def ask(client: Client, model: str, **headers: str) -> None:
    named = {f"x-jano-{name}": value for name, value in headers.items()}
    await client.ask("POST", CHAT, json.dumps({"model": model, "max_tokens": 50}).encode(), named)


async def test_the_story_of_a_request_that_waits_for_another_model() -> None:
    async with playhouse(*cast()) as stage, anyio.create_task_group() as clients:
        for model in ("chat", "chat", "code"):
            clients.start_soon(ask, stage.client, model)
            await anyio.sleep(6)
        story = await get(stage.client, "/api/requests/3")
        assert (story["id"], story["model"], story["outcome"]) == ("3", "code", "waiting")
        assert (story["queue_ms"], story["swap_ms"]) == (None, None)
        [kept] = story["decisions"]
        assert (kept["at_ms"], kept["rule"]) == (0, "head start")
        assert "chat" in kept["text"] and kept["evicted"] == []
        assert kept["ahead"] == ["1", "2"]
        await anyio.sleep(60)
        story = await get(stage.client, "/api/requests/3")
        assert story["outcome"] == "served"
        assert story["queue_ms"] >= story["swap_ms"] > 20_000
        rules = [each["rule"] for each in story["decisions"]]
        assert rules == ["head start", "swap", "granted"]
        assert story["decisions"][-2]["evicted"] == ["chat"]
        times = [each["at_ms"] for each in story["decisions"]]
        assert times == sorted(times) and times[-1] == story["queue_ms"]


async def test_who_comes_later_sees_who_came_before_and_what_was_decided_already() -> None:
    async with playhouse(*cast()) as stage, anyio.create_task_group() as clients:
        for model in ("chat", "code", "code"):
            clients.start_soon(ask, stage.client, model)
            await anyio.sleep(6)
        story = await get(stage.client, "/api/requests/3")
        drain, arrival, swap = story["decisions"]
        assert (drain["rule"], drain["at_ms"], drain["ahead"]) == ("drain", 0, ["1"])
        assert (arrival["rule"], arrival["ahead"]) == ("arrival", ["2"])
        assert (swap["rule"], swap["evicted"]) == ("swap", ["chat"])
        assert swap["at_ms"] > 0


async def test_a_refused_request_has_a_story_and_an_unknown_one_has_none() -> None:
    async with playhouse(*cast()) as stage:
        await ask(stage.client, "chat", deadline="2")
        story = await get(stage.client, "/api/requests/1")
        assert story["outcome"] == "refused"
        assert story["decisions"][-1]["rule"] == "deadline_exceeded"
        missing = await get(stage.client, "/api/requests/99", 404)
        assert "99" in missing["error"]["message"]


async def test_retry_after_comes_from_measured_times() -> None:
    async with playhouse(*cast()) as stage, anyio.create_task_group() as clients:
        await ask(stage.client, "code")
        await ask(stage.client, "chat")
        clients.start_soon(ask, stage.client, "chat")
        await anyio.sleep(1)
        body = b'{"model":"code"}'
        call, _ = await stage.client.ask("POST", CHAT, body, {"x-jano-deadline": "3"})
        assert call.status == 503
        left, load = 10 - 1 - 3, 20
        assert left + load <= int(call.headers["retry-after"]) <= left + load + 3


async def test_nobody_waits_longer_than_max_wait() -> None:
    waits = '[scheduler]\nmax_wait = "4s"'
    async with playhouse(*cast(), config=waits) as stage:
        began = anyio.current_time()
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"code"}')
        assert (call.status, anyio.current_time() - began) == (503, pytest.approx(4, abs=0.1))
        assert json.loads(body)["error"]["code"] == "deadline_exceeded"
        assert int(call.headers["retry-after"]) >= 10


async def test_no_swap_and_priority_are_honoured() -> None:
    async with playhouse(*cast()) as stage, anyio.create_task_group() as clients:
        await ask(stage.client, "chat")
        body = b'{"model":"code"}'
        call, answer = await stage.client.ask("POST", CHAT, body, {"x-jano-no-swap": "1"})
        assert call.status == 409
        assert json.loads(answer)["error"]["loaded"] == ["chat"]
        clients.start_soon(ask, stage.client, "chat")
        await anyio.sleep(1)
        order: list[str] = []

        async def come(priority: str) -> None:
            await ask(stage.client, "chat", priority=priority)
            order.append(priority)

        for priority in ("low", "normal", "high"):
            clients.start_soon(come, priority)
            await anyio.sleep(0.1)
    assert order == ["high", "normal", "low"]


async def test_what_was_asked_for_can_be_simulated() -> None:
    async with playhouse(*cast()) as stage:
        async with anyio.create_task_group() as clients:
            for model in ("chat", "code", "chat", "chat"):
                clients.start_soon(lambda name: ask(stage.client, name, session="s"), model)
                await anyio.sleep(3)
        call, lines = await stage.client.ask("GET", "/api/trace")
        assert call.headers["content-type"] == "application/x-ndjson"
    trace = parse(lines.splitlines(), "recorded")
    models = {model.name: model for model in trace.header.models}
    assert models["code"].load_s == pytest.approx(20, rel=0.1)
    assert [call.model for call in trace.calls] == ["chat", "code", "chat", "chat"]
    assert [call.t for call in trace.calls] == pytest.approx([0, 3, 6, 9], abs=0.1)
    assert [call.s for call in trace.calls] == pytest.approx([10] * 4, abs=0.1)
    assert {call.session for call in trace.calls} == {"s"}
    run = simulate(trace, HeadStart())
    assert all(fate.started is not None for fate in run.fates)
    assert len(run.loads) == 2


async def test_how_far_off_the_estimates_were_is_a_metric() -> None:
    async with playhouse(*cast()) as stage:
        await ask(stage.client, "chat")
        async with anyio.create_task_group() as clients:
            for _ in range(3):
                clients.start_soon(ask, stage.client, "chat")
                await anyio.sleep(1)
        _, text = await stage.client.ask("GET", "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[0] != "#")
    assert lines['jano_eta_error_seconds_count{model="chat"}'] == "3"  # one was served at once
    assert float(lines['jano_eta_error_seconds_bucket{model="chat",le="0.5"}']) >= 2
