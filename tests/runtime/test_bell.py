"""Whoever waits hears the next ring, and none before."""

from __future__ import annotations

import anyio
import pytest

from jano_core.runtime.bell import Bell

pytestmark = pytest.mark.anyio


async def test_everybody_who_waits_hears_the_next_ring_and_no_earlier_one() -> None:
    bell, heard = Bell(), list[str]()

    async def wait(name: str) -> None:
        await bell.wait()
        heard.append(name)

    bell.ring()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait, "one")
        tasks.start_soon(wait, "two")
        await anyio.wait_all_tasks_blocked()
        assert heard == []
        bell.ring()
        await anyio.wait_all_tasks_blocked()
        assert sorted(heard) == ["one", "two"]
        tasks.start_soon(wait, "three")
        await anyio.wait_all_tasks_blocked()
        assert len(heard) == 2
        bell.ring()
    assert heard[-1] == "three"
