"""Whoever begins to follow a log gets each line once, however it falls."""

from __future__ import annotations

import re

import anyio
import anyio.lowlevel
import pytest

from jano_core.testing.playhouse import Actor, Stage, playhouse

pytestmark = pytest.mark.anyio

LINES = 60


async def write(stage: Stage) -> None:
    """A line at each turn of the event loop, while listeners come."""
    for number in range(LINES):
        stage.jano.router_log.write(f"line-{number} ")
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("turns", range(0, 24, 3))
@pytest.mark.parametrize("path", ["/logs/stream/proxy", "/api/events"])
async def test_no_line_is_sent_twice_or_lost(path: str, turns: int) -> None:
    heard = b""
    async with playhouse() as stage, anyio.create_task_group() as beside:
        beside.start_soon(write, stage)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        async with stage.client.open("GET", path) as connection:
            assert await connection.head() == 200
            with anyio.fail_after(5):
                while f"line-{LINES - 1} ".encode() not in heard:
                    heard += await connection.chunk()
    numbers = [int(found) for found in re.findall(rb"line-(\d+) ", heard)]
    assert numbers == list(range(LINES))


@pytest.mark.parametrize("path", ["/logs/stream", "/logs/stream/proxy", "/logs/stream/chat"])
async def test_who_follows_a_log_does_not_hold_up_the_end(path: str) -> None:
    async with playhouse(Actor("chat")) as stage, stage.client.open("GET", path) as connection:
        assert await connection.head() == 200
        stage.jano.router_log.write("last words")
        stage.jano.begin_shutdown()
        with anyio.fail_after(1):
            await connection.chunks()


async def test_the_log_of_a_model_that_is_gone_ends() -> None:
    async with (
        playhouse(Actor("chat"), Actor("code")) as stage,
        stage.client.open("GET", "/logs/stream/code") as connection,
    ):
        await connection.head()
        stage.config = stage.config.partition("[models.code]")[0]
        await stage.jano.reload()
        with anyio.fail_after(1):
            await connection.chunks()
