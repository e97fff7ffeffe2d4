"""Stories of one model server, on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from jano_core.errors import LoadFailed, StopFailed
from jano_core.runtime.supervisor import Supervisor
from tests.runtime.fakes import World

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def supervised(world: World, left: int = 0) -> AsyncIterator[Supervisor]:
    """A supervisor at work; `left` servers are still running when it is gone."""
    world.began = anyio.current_time()
    supervisor = world.supervisor()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        yield supervisor
        tasks.cancel_scope.cancel()
    assert world.running == left
    assert supervisor.upstream is None


def told(world: World) -> list[str]:
    return [str(report[0]) for report in world.reports]


async def test_load_and_unload() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        assert supervisor.upstream and supervisor.upstream.url == "http://127.0.0.1:1"
        supervisor.unload()
        await world.until("unloaded")
    assert world.did == ["start", "verify", "release", "stop"]
    assert world.reports[0][1] == 4
    assert told(world) == ["loaded", "unloaded"]


async def test_readiness_is_noticed_soon() -> None:
    world = World(start_s=0.0, load_s=0.29)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
    assert 0.29 <= float(str(world.reports[0][-1])) < 0.29 + 0.05


async def test_unload_during_load_cancels_it_and_leaves_nothing() -> None:
    for moment in (0.0, 0.5, 1.5):  # before it began, in the launcher's start, while polling
        world = World()
        async with supervised(world) as supervisor:
            supervisor.load()
            if moment:
                await anyio.sleep(moment)
            supervisor.unload()
            await world.until("unloaded")
            assert world.running == 0
        assert told(world) == ["unloaded"]
        assert "release" not in world.did


async def test_an_order_before_the_task_ran_starts_nothing() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        supervisor.unload()
        await world.until("unloaded")
    assert world.did == []


async def test_load_during_stop_waits_until_it_is_gone() -> None:
    world = World(stop_s=5.0)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.unload()
        await anyio.sleep(1)
        supervisor.load()
        await world.until("loaded", 2)
    assert told(world) == ["loaded", "unloaded", "loaded"]
    assert world.did[:5] == ["start", "verify", "release", "stop", "start"]


async def test_every_unload_order_is_answered() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        supervisor.unload()
        supervisor.load()
        supervisor.unload()
        supervisor.load()
        await world.until("loaded")
    assert told(world) == ["unloaded", "unloaded", "loaded"]


async def test_a_load_order_to_a_ready_server_is_answered() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.load()
        await world.until("loaded", 2)
    assert world.did.count("start") == 1


async def test_a_failed_start_is_told_with_the_log() -> None:
    world = World(start_error=LoadFailed("port 8080 is taken by process 7 (nginx)"))
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("load_failed")
        assert world.reports[0][1] == "port 8080 is taken by process 7 (nginx)"
        world.start_error = None
        supervisor.load()
        await world.until("loaded")


async def test_a_launcher_that_raises_anything_ends_only_its_own_life() -> None:
    world = World(ready_error=ZeroDivisionError("oh"))
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("load_failed")
        assert world.reports[0][1] == "ZeroDivisionError: oh"
        assert world.running == 0
        world.ready_error = None
        supervisor.load()
        await world.until("loaded")


async def test_never_ready_is_bounded_by_start_timeout() -> None:
    world = World(load_s=1e9)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("load_failed")
    assert world.reports == [("load_failed", "not ready after 60 s", 61.0)]


async def test_an_exit_while_loading_is_noticed_at_once() -> None:
    world = World(load_s=50.0)
    async with supervised(world) as supervisor:
        supervisor.load()
        await anyio.sleep(7.001)
        world.died.set()
        await world.until("load_failed")
    message, at = world.reports[0][1:]
    assert message == "its process exited with status 1 before it was ready"
    assert 7.0 < float(str(at)) <= 7.001 + world.stop_s


async def test_a_crash_is_told_at_once() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        await anyio.sleep(100)
        died_at = anyio.current_time() - world.began
        world.died.set()
        await world.until("crashed")
        assert world.reports[-1] == ("crashed", world.why, died_at)
        assert supervisor.upstream is None
        supervisor.load()
        await world.until("loaded", 2)
    assert "kill" in world.did and "release" not in world.did[:4]


async def test_a_broken_connection_to_a_dead_server_is_a_crash_with_its_reason() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        world.died.set()
        assert not await supervisor.verdict("connection reset")
        assert world.reports[-1][:2] == ("crashed", world.why)


async def test_the_way_to_it_stays_until_its_end_is_told() -> None:
    world = World(kill_s=1.0)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        world.died.set()
        await anyio.sleep(0.5)  # whoever is granted now must find out by trying
        assert told(world) == ["loaded"] and supervisor.upstream
        assert not await supervisor.verdict("connection refused")
        assert told(world) == ["loaded", "crashed"] and supervisor.upstream is None


async def test_a_broken_connection_to_a_live_server_changes_nothing() -> None:
    world = World()
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        assert await supervisor.verdict("connection reset")
        assert told(world) == ["loaded"]


async def test_a_server_that_does_not_answer_after_a_broken_connection_is_ended() -> None:
    world = World(answers=False)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        asked = anyio.current_time()
        async with anyio.create_task_group() as tasks:  # two requests saw it
            for _ in range(2):
                tasks.start_soon(supervisor.verdict, "connection reset")
        assert anyio.current_time() - asked <= 3
        assert told(world) == ["loaded", "crashed"]
        assert world.reports[-1][1] == "connection reset"


async def test_a_hung_server_is_ended_without_grace() -> None:
    world = World(stop_s=1e9)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.condemn("no byte for 5 m")
        supervisor.condemn("again")
        await world.until("crashed")
    assert world.reports[-1][1] == "no byte for 5 m"
    assert world.did == ["start", "verify", "kill"]


async def test_a_server_that_cannot_be_ended_is_told() -> None:
    world = World(stop_error=StopFailed("process 7 cannot be ended"))
    async with supervised(world, left=1) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.unload()
        await world.until("unloaded")
    assert world.reports[-1][:2] == ("unloaded", "process 7 cannot be ended")


async def test_stop_is_bounded_even_if_the_launcher_is_not() -> None:
    world = World(stop_s=1e9, release_s=1e9)
    async with supervised(world, left=1) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.unload()
        await world.until("unloaded")
    assert "in time" in str(world.reports[-1][1])
    assert float(str(world.reports[-1][-1])) < 60


async def test_cancelled_while_loading_it_puts_the_server_away() -> None:
    world = World(load_s=50.0)
    async with supervised(world) as supervisor:
        supervisor.load()
        await anyio.sleep(10)
    assert world.did == ["start", "stop"]


async def test_a_running_server_is_adopted() -> None:
    world = World(adoptable=True)
    async with supervised(world) as supervisor:
        assert await supervisor.adopt()
        assert supervisor.upstream
        supervisor.unload()
        await world.until("unloaded")
    assert "start" not in world.did


async def test_a_running_server_of_another_model_is_put_away() -> None:
    world = World(adoptable=True, resident={"code": None})
    async with supervised(world) as supervisor:
        assert not await supervisor.adopt()
    assert world.did == ["stop"]


async def test_a_server_that_may_stay_is_left_alone_when_jano_ends() -> None:
    world = World(adoptable=True, stays=True, resident={"chat": None})
    async with supervised(world, left=1) as supervisor:
        assert await supervisor.adopt()
        await anyio.wait_all_tasks_blocked()
    assert world.did == []


async def test_unload_ends_also_a_server_that_may_stay() -> None:
    world = World(adoptable=True, stays=True)
    async with supervised(world) as supervisor:
        assert await supervisor.adopt()
        supervisor.unload()
        await world.until("unloaded")
    assert world.did == ["release", "stop"]


async def test_a_running_server_without_room_is_put_away_and_not_reported() -> None:
    world = World(adoptable=True)
    async with supervised(world) as supervisor:
        await supervisor.clear()
    assert (world.did, world.reports) == (["stop"], [])


async def test_nothing_to_adopt() -> None:
    world = World()
    async with supervised(world) as supervisor:
        assert not await supervisor.adopt()
        assert supervisor.upstream is None
