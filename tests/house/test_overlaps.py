"""Swaps that overlap, in virtual time: how long people wait for what need not wait."""

from __future__ import annotations

import json

import anyio
import pytest

from jano_core.launchers.attach import AttachLauncher
from jano_core.testing.playhouse import Actor, Heard, Says, Stage, playhouse

pytestmark = pytest.mark.anyio

LOAD_S, STOP_S, ANSWER_S = 20.0, 5.0, 100.0
SLACK_S = 2.5  # readiness is noticed within a tenth of a load
EXCLUSIVE = """
[memory]
rule = "groups"
[memory.settings.groups.side]
swap = false
exclusive = false
members = ["chat"]
"""


def slow(heard: Heard) -> Says:
    return Says(first=ANSWER_S)


def sized(name: str, gib: int, **more: object) -> Actor:
    return Actor(name, f'memory = "{gib}GiB"', load_s=LOAD_S, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def servers_take_their_time_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(self: AttachLauncher) -> None:
        await anyio.sleep(STOP_S)

    monkeypatch.setattr(AttachLauncher, "stop", stop)


async def ask(stage: Stage, model: str, took: dict[str, float] | None = None) -> None:
    began = anyio.current_time()
    body = json.dumps({"model": model, "messages": []}).encode()
    answer, _ = await stage.client.ask("POST", "/v1/chat/completions", body)
    assert answer.status == 200
    if took is not None:
        took[model] = anyio.current_time() - began


async def busy(actor: Actor) -> None:
    with anyio.fail_after(300):
        while not actor.open:  # noqa: ASYNC110 - nothing tells; the clock jumps
            await anyio.sleep(0.05)


async def test_two_that_fit_are_loaded_side_by_side() -> None:
    took: dict[str, float] = {}
    async with playhouse(sized("chat", 1), sized("code", 1), config=budget(2)) as stage:
        async with anyio.create_task_group() as callers:
            for name in ("chat", "code"):
                callers.start_soon(ask, stage, name, took)
        assert max(took.values()) < LOAD_S + SLACK_S


async def test_what_fits_is_loaded_while_another_swap_waits_for_a_drain() -> None:
    took: dict[str, float] = {}
    chat = sized("chat", 2, script=slow)
    cast = (chat, sized("code", 3), sized("fast", 1))
    async with playhouse(*cast, config=budget(4)) as stage, anyio.create_task_group() as callers:
        callers.start_soon(ask, stage, "chat")
        await busy(chat)
        for name in ("code", "fast"):
            callers.start_soon(ask, stage, name, took)
            await anyio.sleep(0.1)
    assert took["fast"] < LOAD_S + SLACK_S
    assert ANSWER_S < took["code"] < ANSWER_S + STOP_S + LOAD_S + SLACK_S
    assert chat.left == 0


async def test_those_that_make_room_are_stopped_together() -> None:
    took: dict[str, float] = {}
    cast = [sized(name, 1) for name in ("chat", "code", "fast")]
    async with playhouse(*cast, sized("tall", 3), config=budget(3)) as stage:
        for actor in cast:
            await ask(stage, actor.name)
        await ask(stage, "tall", took)
    assert STOP_S + LOAD_S <= took["tall"] < STOP_S + LOAD_S + SLACK_S


async def test_a_start_does_not_wait_for_the_drain_of_one_it_may_live_beside() -> None:
    took: dict[str, float] = {}
    chat, code = Actor("chat", load_s=LOAD_S, script=slow), Actor("code", load_s=LOAD_S)
    async with playhouse(chat, code, config=EXCLUSIVE) as stage:
        async with anyio.create_task_group() as callers:
            callers.start_soon(ask, stage, "chat")
            await busy(chat)
            callers.start_soon(ask, stage, "code", took)
        assert took["code"] < LOAD_S + SLACK_S
        assert chat.left == 0
        await anyio.sleep(STOP_S + 0.1)
        models = stage.jano.dispatcher.snapshot().models
        assert (models["chat"].state, models["code"].state) == ("stopped", "ready")


def budget(gib: int) -> str:
    return f'[memory]\nbudget = "{gib}GiB"\n'
