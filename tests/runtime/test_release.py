"""Putting a server away, the cheapest step first: kv, sleep, unload, stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from jano_core.errors import LoadFailed, UpstreamError
from jano_core.plugin.capabilities import Reading
from jano_core.plugin.contracts import Usage
from jano_core.runtime.supervisor import Supervisor
from tests.runtime.fakes import FakeBackend, Keeper, Sleepy, World

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def supervised(world: World) -> AsyncIterator[Supervisor]:
    supervisor = world.supervisor()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        yield supervisor
        tasks.cancel_scope.cancel()
    assert world.running == 0


async def loaded_and_away(world: World, supervisor: Supervisor, count: int = 1) -> None:
    supervisor.load()
    await world.until("loaded", count)
    supervisor.unload()
    await world.until("unloaded", count)


async def test_a_server_that_sleeps_is_woken_instead_of_started() -> None:
    world = World(backend=Sleepy)
    async with supervised(world) as supervisor:
        await loaded_and_away(world, supervisor)
        assert supervisor.asleep and world.running == 1
        assert world.did == ["start", "verify", "sleep"]
        supervisor.load()
        await world.until("loaded", 2)
        assert not supervisor.asleep
        assert world.did[3:] == ["wake", "verify"]
    assert world.did[5:] == ["release", "stop"], "when Jano ends, nothing is left to sleep"


async def test_one_that_will_not_sleep_is_unloaded_and_stopped() -> None:
    world = World(backend=Sleepy, sleeps=False)
    async with supervised(world) as supervisor:
        await loaded_and_away(world, supervisor)
        assert not supervisor.asleep
    assert world.did == ["start", "verify", "sleep", "release", "stop"]


async def test_jano_s_end_ends_a_sleeping_server() -> None:
    world = World(backend=Sleepy)
    async with supervised(world) as supervisor:
        await loaded_and_away(world, supervisor)
    assert world.did == ["start", "verify", "sleep", "stop"]


async def test_one_that_dies_in_its_sleep_is_started_anew() -> None:
    world = World(backend=Sleepy)
    async with supervised(world) as supervisor:
        await loaded_and_away(world, supervisor)
        world.died.set()
        await anyio.sleep(5)
        assert not supervisor.asleep and world.running == 0
        supervisor.load()
        await world.until("loaded", 2)
        assert world.did[3:] == ["stop", "start", "verify"]


async def test_waking_that_takes_longer_than_a_start_is_given_up() -> None:
    """A start takes two seconds here; what it costs is measured, not assumed."""
    world = World(backend=Sleepy, wake_s=30.0)
    async with supervised(world) as supervisor:
        await loaded_and_away(world, supervisor)
        await loaded_and_away(world, supervisor, 2)
        assert world.did == ["start", "verify", "sleep", "wake", "verify", "release", "stop"]


async def test_the_cache_is_saved_first_and_brought_back_last() -> None:
    world = World(backend=Keeper, sleeps=False)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.answered(Usage(cached_tokens=3))
        supervisor.unload()
        await world.until("unloaded")
        supervisor.answered(Usage(cached_tokens=4))
    began = ["start", "verify", "restore", "answered 3"]
    assert world.did == [*began, "save", "sleep", "release", "stop"]
    assert world.steps == ["start", "kv_restore", "kv_save"]


async def test_a_backend_that_cannot_hear_of_an_answer_keeps_nobody_s_slot() -> None:
    class Deaf(Keeper):
        def answered(self, usage: Usage) -> None:
            raise ValueError("no ears")

    world = World(backend=Deaf)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
        supervisor.answered(Usage(cached_tokens=3))
    assert "no ears" in world.log.history()


async def test_a_cache_that_cannot_be_brought_back_keeps_nobody_waiting() -> None:
    class Forgetful(Keeper):
        restore_error = UpstreamError("no such slot")

    world = World(backend=Forgetful)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("loaded")
    assert "kv_restore failed: no such slot" in world.log.history()


async def test_how_far_a_prompt_is_read_is_asked_of_who_tells() -> None:
    for backend, expected in ((Keeper, Reading(1536, 4000)), (Sleepy, None)):
        world = World(backend=backend)
        async with supervised(world) as supervisor:
            assert await supervisor.reading() is None
            supervisor.load()
            await world.until("loaded")
            assert await supervisor.reading() == expected


async def test_a_refused_load_says_what_the_server_has() -> None:
    class Picky(FakeBackend):
        async def load(self) -> None:
            raise LoadFailed("there is no chat")

        async def models(self) -> list[str]:
            return ["code", "draw"]

    world = World(backend=Picky)
    async with supervised(world) as supervisor:
        supervisor.load()
        await world.until("load_failed")
    assert world.reports[0][1] == "there is no chat; it has: code, draw"
