"""The whole house in virtual time: what people live through with it, in seconds that jump."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import anyio
import pytest

from jano_core.testing.playhouse import Actor, Heard, Says, Stage, playhouse

pytestmark = pytest.mark.anyio

TWO_FIT = '[memory]\nbudget = "2GiB"\n'
ONE_GIB = 'memory = "1GiB"\n'
JSON = {"content-type": "application/json"}


def slow(seconds: float) -> Callable[[Heard], Says]:
    """A script whose answers take so long."""
    return lambda heard: Says(first=seconds)


async def chat(stage: Stage, model: str, **headers: str) -> int:
    body = json.dumps({"model": model, "messages": []}).encode()
    async with stage.client.open("POST", "/v1/chat/completions", JSON | headers, body) as call:
        await call.answer()
        return call.status


async def until(condition: Callable[[], object]) -> None:
    """Let virtual time pass until something is so; a story that never gets there is wrong."""
    with anyio.fail_after(300):
        while not condition():  # noqa: ASYNC110 - nothing tells; the clock jumps
            await anyio.sleep(0.05)


def state(stage: Stage, model: str) -> str:
    return str(stage.jano.dispatcher.snapshot().models[model].state)


def swaps(stage: Stage) -> int:
    return int(stage.jano.ledger.status(stage.jano.dispatcher.snapshot())["swapsLastHour"])


async def test_a_burst_of_six_costs_one_swap() -> None:
    order: list[str] = []

    def script(heard: Heard) -> Says:
        order.append(json.loads(heard.body)["user"])
        return Says(first=1)

    actors = [Actor(name, load_s=20, script=script) for name in ("chat", "code")]
    async with playhouse(*actors) as stage:
        await stage.jano.dispatcher.steward.load("chat")
        before = swaps(stage)

        async def ask(number: int, model: str) -> None:
            body = json.dumps({"model": model, "user": str(number)}).encode()
            await stage.client.ask("POST", "/v1/chat/completions", body, JSON)

        async with anyio.create_task_group() as burst:
            for number, model in enumerate(["chat", "code", "chat", "chat", "code", "code"], 1):
                burst.start_soon(ask, number, model)
                await anyio.sleep(0.01)
        assert order == ["1", "3", "4", "2", "5", "6"]
        assert swaps(stage) - before == 1


async def test_an_hour_of_agents() -> None:
    """Three agents think, call and swap for an hour; nobody is lost and nobody waits for ever."""
    dice = random.Random(7)
    actors = [Actor(name, load_s=15, script=slow(3)) for name in ("plan", "write", "check")]
    answers: list[int] = []
    async with playhouse(*actors) as stage, anyio.create_task_group() as agents:

        async def agent(models: list[str]) -> None:
            while anyio.current_time() < 3600:
                answers.append(await chat(stage, dice.choice(models)))
                await anyio.sleep(dice.expovariate(1 / 10))

        for models in (["plan", "write"], ["write", "check"], ["check", "plan", "write"]):
            agents.start_soon(agent, models)
    assert len(answers) > 100
    assert set(answers) == {200}
    assert sum(len(actor.heard) for actor in actors) == len(answers)
    longest = max(record["queue_ms"] for record in stage.jano.ledger.usage("500")["records"])
    assert longest < 10 * 60 * 1000


async def test_an_idle_model_goes_and_comes_back() -> None:
    async with playhouse(Actor("chat", 'ttl = "5m"', load_s=10)) as stage:
        assert await chat(stage, "chat") == 200
        await anyio.sleep(299)
        assert state(stage, "chat") == "ready"
        await anyio.sleep(2)
        assert state(stage, "chat") == "stopped"
        assert await chat(stage, "chat") == 200


async def test_what_is_pinned_or_preloaded_is_there_before_the_first_request() -> None:
    actors = [
        Actor("embed", ONE_GIB + "pinned = true", load_s=5),
        Actor("chat", ONE_GIB + "preload = true", load_s=5),
        Actor("code", ONE_GIB, load_s=5),
    ]
    async with playhouse(*actors, config=TWO_FIT) as stage:
        await until(lambda: state(stage, "embed") == state(stage, "chat") == "ready")
        assert await chat(stage, "code") == 200
        assert (state(stage, "embed"), state(stage, "chat")) == ("ready", "stopped")


async def test_unloading_one_model_never_delays_another() -> None:
    busy, other = Actor("busy", ONE_GIB, script=slow(100)), Actor("other", ONE_GIB)
    async with playhouse(busy, other, config=TWO_FIT) as stage:
        await chat(stage, "other")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(chat, stage, "busy")
            await until(lambda: busy.open)
            tasks.start_soon(stage.jano.dispatcher.steward.unload, "busy")
            await anyio.sleep(1)
            assert state(stage, "busy") == "draining"
            began = anyio.current_time()
            assert await chat(stage, "other") == 200
            assert anyio.current_time() - began < 1
            assert state(stage, "busy") == "draining"
        assert state(stage, "busy") == "stopped"
        assert busy.left == 0


async def test_a_resident_model_stands_outside_of_swapping() -> None:
    voice = Actor("voice", "resident = true", script=slow(60))
    async with playhouse(voice, Actor("chat"), Actor("code")) as stage:
        async with anyio.create_task_group() as callers:
            for _ in range(5):
                callers.start_soon(chat, stage, "voice")
            await until(lambda: voice.open == 5)
            assert await chat(stage, "chat") == await chat(stage, "code") == 200
            assert voice.open == 5
        assert state(stage, "voice") == "ready"


async def test_a_reload_drops_no_request() -> None:
    """One model changes, one goes, one comes, while all are in use; what is unchanged stays."""
    names = ("stays", "changes", "goes")
    actors = [Actor(name, ONE_GIB, load_s=5, script=slow(60)) for name in names]
    config = '[memory]\nbudget = "3GiB"\n'
    async with playhouse(*actors, config=config) as stage:
        async with anyio.create_task_group() as callers:
            answers: list[int] = []

            async def ask(model: str) -> None:
                answers.append(await chat(stage, model))

            for name in names:
                callers.start_soon(ask, name)
                callers.start_soon(ask, name)
            await until(lambda: all(actor.open for actor in actors))
            head, _, _ = stage.config.partition("[models.goes]")
            stage.config = head.replace(
                "[models.changes]", '[models.changes]\nupstream_model = "newer"'
            )
            fact = await stage.jano.reload()
            assert (fact.changed, fact.removed) == (("changes",), ("goes",))
            assert await chat(stage, "goes") == 404
        assert answers == [200] * 6
        assert [actor.left for actor in actors] == [0, 0, 0]
        assert b'"newer"' in actors[1].heard[-1].body
        await until(lambda: "goes" not in stage.jano.dispatcher.snapshot().models)
        assert state(stage, "stays") == "ready"


async def test_a_model_that_comes_back_otherwise_before_it_was_gone_gets_a_new_server() -> None:
    back = Actor("back", load_s=5, script=slow(60))
    async with playhouse(Actor("stays"), back) as stage:
        async with anyio.create_task_group() as callers:
            callers.start_soon(chat, stage, "back")
            await until(lambda: back.open)
            as_it_was = stage.config
            stage.config = as_it_was.partition("[models.back]")[0]
            await stage.jano.reload()
            stage.config = as_it_was.replace(
                "[models.back]", '[models.back]\nupstream_model = "newer"'
            )
            await stage.jano.reload()
        assert (len(back.heard), back.left) == (1, 0)
        await until(lambda: state(stage, "back") == "stopped")
        assert await chat(stage, "back") == 200


async def test_the_last_who_waits_for_a_model_that_is_gone_is_refused_in_time() -> None:
    async with playhouse(Actor("stays", script=slow(60)), Actor("goes")) as stage:
        async with anyio.create_task_group() as callers:
            callers.start_soon(chat, stage, "stays")
            await anyio.sleep(1)
            answers: list[int] = []

            async def ask() -> None:
                answers.append(await chat(stage, "goes", **{"x-jano-deadline": "20"}))

            callers.start_soon(ask)
            await anyio.sleep(1)
            stage.config = stage.config.partition("[models.goes]")[0]
            await stage.jano.reload()
        assert answers == [503]
        assert "goes" not in stage.jano.dispatcher.snapshot().models
        assert await chat(stage, "stays") == 200


async def test_a_model_that_is_gone_before_its_turn_to_be_warmed_up() -> None:
    first = Actor("first", ONE_GIB + "preload = true", load_s=60)
    goes = Actor("goes", ONE_GIB + "preload = true")
    async with playhouse(first, goes, config=TWO_FIT) as stage:
        await anyio.sleep(10)
        stage.config = stage.config.partition("[models.goes]")[0]
        await stage.jano.reload()
        await until(lambda: state(stage, "first") == "ready")
        await anyio.sleep(1)
        assert stage.jano.busy() == 0
        assert await chat(stage, "first") == 200


async def test_a_model_that_comes_and_goes_at_once() -> None:
    async with playhouse(Actor("stays"), Actor("goes")) as stage:
        both = stage.config
        one = both.partition("[models.goes]")[0]
        stage.config = one
        await stage.jano.reload()
        await anyio.sleep(1)
        for stage.config in (both, one):
            await stage.jano.reload()
        await anyio.sleep(1)
        assert await chat(stage, "stays") == 200


async def test_a_deadline_passes_while_a_model_that_is_always_up_changes_its_server() -> None:
    small = Actor("small", "resident = true", script=slow(60))
    async with playhouse(small, Actor("chat", ONE_GIB), config=TWO_FIT) as stage:
        await until(lambda: state(stage, "small") == "ready")
        async with anyio.create_task_group() as callers:
            callers.start_soon(chat, stage, "small")
            await until(lambda: small.open)
            stage.config = stage.config.replace(
                "[models.small]", '[models.small]\nupstream_model = "newer"'
            )
            await stage.jano.reload()
            assert await chat(stage, "small", **{"x-jano-deadline": "5"}) == 503
        assert await chat(stage, "small") == await chat(stage, "chat") == 200


async def test_a_bad_configuration_changes_nothing() -> None:
    async with playhouse(Actor("chat")) as stage:
        await chat(stage, "chat")
        stage.config += "[server]\nprot = 1\n"
        async with stage.client.open("POST", "/api/reload", JSON, b"") as call:
            assert b"prot" in await call.answer()
            assert call.status == 400
        assert state(stage, "chat") == "ready"
        assert await chat(stage, "chat") == 200


@pytest.mark.parametrize(("written", "slots"), [("", 4), ("parallel = 2", 2)])
async def test_what_is_configured_of_slots_counts_more_than_what_the_server_says(
    written: str, slots: int
) -> None:
    props = Says(chunks=(b'{"total_slots": 4}',))
    chat = Actor("chat", f'backend = "llamacpp"\n{written}', script=lambda heard: props)
    async with playhouse(chat) as stage:
        await stage.jano.dispatcher.steward.load("chat")
        assert stage.jano.dispatcher.snapshot().models["chat"].slots == slots


async def test_more_slots_for_a_model_that_runs_count_from_a_reload_on() -> None:
    async with playhouse(Actor("chat", "parallel = 1", script=slow(10))) as stage:
        await stage.jano.dispatcher.steward.load("chat")
        stage.config = stage.config.replace("parallel = 1", "parallel = 4")
        await stage.jano.reload()
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(chat, stage, "chat")
        assert anyio.current_time() == pytest.approx(began + 10, abs=1)


async def test_drain_and_resume() -> None:
    async with playhouse(Actor("chat", script=slow(30))) as stage:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(chat, stage, "chat")
            await anyio.sleep(1)
            async with stage.client.open("POST", "/api/drain", JSON, b'{"model": "chat"}') as call:
                await anyio.sleep(1)
                assert await chat(stage, "chat") == 503
                assert await call.head() == 200
            assert stage.jano.busy() == 0
        await stage.client.ask("POST", "/api/resume", b"{}", JSON)
        assert await chat(stage, "chat") == 200


async def test_a_model_that_never_gets_ready_is_left_alone_for_a_while() -> None:
    """Three loads fail, then it is refused at once; after the cool-off it is tried again."""
    broken = Actor("broken", 'start_timeout = "10s"', load_s=1e9)
    config = '[swap]\nfailure_limit = 3\nfailure_reset = "5m"\n'
    async with playhouse(broken, Actor("chat"), config=config) as stage:
        for _ in range(3):
            assert await chat(stage, "broken") == 503
        began = anyio.current_time()
        body = json.dumps({"model": "broken"}).encode()
        async with stage.client.open("POST", "/v1/chat/completions", JSON, body) as call:
            error = json.loads(await call.answer())["error"]
        assert (call.status, error["code"]) == (503, "model_unavailable")
        assert call.headers["x-should-retry"] == "false"
        assert int(call.headers["retry-after"]) == pytest.approx(300, abs=2)
        assert anyio.current_time() == began
        assert await chat(stage, "chat") == 200
        broken.load_s = 1
        await anyio.sleep(301)
        assert await chat(stage, "broken") == 200


async def test_a_load_that_was_ordered_can_be_cancelled() -> None:
    async with playhouse(Actor("chat", load_s=30)) as stage:
        began = anyio.current_time()
        async with stage.client.open("POST", "/api/models/load/chat") as call:
            await anyio.sleep(1)
            (load,) = stage.jano.dispatcher.tickets
            done, _ = await stage.client.ask("POST", f"/api/inflight/{load}/cancel")
            assert done.status == 200
            assert b"was cancelled" in await call.answer()
            assert call.status == 499
        assert anyio.current_time() == pytest.approx(began + 1, abs=0.1)
        await until(lambda: state(stage, "chat") == "stopped")


async def test_a_model_may_go_before_its_turn_to_be_preloaded() -> None:
    actors = [Actor(name, "preload = true", load_s=30) for name in ("chat", "code", "fast")]
    async with playhouse(*actors) as stage:
        before, _, rest = stage.config.partition("[models.code]")
        stage.config = before + rest[rest.index("[models.fast]") :]
        await anyio.sleep(1)
        await stage.jano.reload()
        await until(lambda: not stage.jano.dispatcher.steward.warming_up)
        assert state(stage, "fast") == "ready"


async def test_whoever_orders_a_load_need_not_wait_for_the_cool_off() -> None:
    broken = Actor("broken", 'start_timeout = "10s"', load_s=1e9)
    config = '[swap]\nfailure_limit = 2\nfailure_reset = "5m"\n'
    async with playhouse(broken, config=config) as stage:
        for _ in range(2):
            assert await chat(stage, "broken") == 503
        assert state(stage, "broken") == "cooling"
        began = anyio.current_time()
        call, answer = await stage.client.ask("POST", "/api/models/load/broken")
        assert (call.status, b"not ready after 10 s" in answer) == (503, True)
        assert anyio.current_time() == pytest.approx(began + 10, abs=0.1)
        broken.load_s = 1
        call, _ = await stage.client.ask("POST", "/api/models/load/broken")
        assert call.status == 200
        assert await chat(stage, "broken") == 200
