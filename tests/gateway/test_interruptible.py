"""Work is ended from outside, and only the work that was meant: on every event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jano_core.gateway.interruptible import Interruptible

BACKENDS = [("asyncio", {}), ("asyncio", {"use_uvloop": True}), ("trio", {})]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", BACKENDS, ids=["asyncio", "uvloop", "trio"]),
]


@asynccontextmanager
async def cancelled_meanwhile(*works: Interruptible | anyio.CancelScope) -> AsyncIterator[None]:
    """Another task cancels these, in order, as soon as this one waits for something."""

    async def cancel() -> None:
        for work in works:
            work.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel)
        yield


async def test_waiting_work_is_ended_once_and_the_task_goes_on() -> None:
    work, reached = Interruptible(), False
    async with cancelled_meanwhile(work, work):
        with work:
            await anyio.sleep_forever()
            reached = True
    assert work.cancelled_caught and not reached
    await checkpoint()
    with anyio.move_on_after(0.001) as limit:
        await anyio.sleep_forever()
    assert limit.cancelled_caught


async def test_work_that_has_ended_by_itself_is_left_alone() -> None:
    work = Interruptible()
    work.cancel()
    with work:
        await checkpoint()
    work.cancel()
    await checkpoint()
    assert not work.cancelled_caught


async def test_an_error_of_the_work_goes_on_outwards() -> None:
    work = Interruptible()
    async with cancelled_meanwhile(work):
        with pytest.raises(KeyError), work:
            try:
                await anyio.sleep_forever()
            finally:
                raise KeyError
    assert not work.cancelled_caught
    await checkpoint()


async def test_scopes_within_the_work_are_left() -> None:
    work, cleaned = Interruptible(), False
    async with cancelled_meanwhile(work):
        with work, anyio.fail_after(10):
            try:
                await anyio.sleep_forever()
            finally:
                cleaned = True
    assert work.cancelled_caught and cleaned


async def test_a_limit_within_the_work_is_its_own() -> None:
    work = Interruptible()
    with work:
        with anyio.move_on_after(0.001) as limit:
            await anyio.sleep_forever()
        await checkpoint()
    assert limit.cancelled_caught and not work.cancelled_caught


@pytest.mark.parametrize("both", [False, True], ids=["it alone", "both"])
async def test_a_scope_around_the_work_ends_more_than_the_work(both: bool) -> None:
    work, reached = Interruptible(), False
    with anyio.CancelScope() as around:
        async with cancelled_meanwhile(*([work, around] if both else [around])):
            with work:
                await anyio.sleep_forever()
            await checkpoint()
            reached = True
    assert around.cancelled_caught and not reached
    await checkpoint()
    with anyio.move_on_after(0.001) as limit:
        await anyio.sleep_forever()
    assert limit.cancelled_caught


async def test_works_one_after_the_other() -> None:
    for _ in range(3):
        work = Interruptible()
        async with cancelled_meanwhile(work):
            with work:
                await anyio.sleep_forever()
        assert work.cancelled_caught
