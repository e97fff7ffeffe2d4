"""A body is poured into somebody who takes its pieces as they come, as fast as he can."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from jano_core.errors import UpstreamError
from jano_core.runtime.loopback_connection import HIGH_WATER
from jano_core.runtime.upstream import Upstream, UpstreamResponse
from tests.runtime.raw_server import Connection, serving

pytestmark = [pytest.mark.anyio, pytest.mark.wire]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Slow:
    """Takes nothing more until it is told to."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ready = anyio.Event()
        self.asked = anyio.Event()

    def __call__(self, chunks: list[bytes]) -> Slow:
        self.pieces.append(b"".join(chunks))
        return self

    async def wait(self) -> None:
        self.asked.set()
        await self.ready.wait()


async def opened(url: str) -> tuple[Upstream, UpstreamResponse]:
    upstream = Upstream(url)
    return upstream, await upstream.open("GET", b"/", [])


def saying(*parts: bytes, ends: bool = True) -> Callable[[Connection], object]:
    async def handler(connection: Connection) -> None:
        while True:
            await connection.request()
            for part in parts:
                await connection.stream.send(part)
                await anyio.sleep(0.01)
            if ends:
                return

    return handler


async def test_pieces_come_one_by_one_and_the_connection_is_kept() -> None:
    parts = [CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]
    async with serving(saying(*parts, ends=False)) as url:
        upstream, response = await opened(url)
        for _ in range(2):
            pieces: list[bytes] = []
            await response.pour(pieces.extend)
            await response.aclose()
            assert pieces == [b"one", b"two"]
            response = await upstream.open("GET", b"/", [])
        await response.aclose()
        await upstream.aclose()


async def test_chunks_that_come_together_are_taken_together() -> None:
    many = b"3\r\none\r\n3\r\ntwo\r\n"
    async with serving(saying(CHUNKED + many, many, many + b"0\r\n\r\n")) as url:
        upstream, response = await opened(url)
        taken: list[list[bytes]] = []
        await response.pour(taken.append)
        assert taken == [[b"one", b"two"]] * 3
        await response.aclose()
        await upstream.aclose()


async def test_what_breaks_off_says_so_after_its_pieces() -> None:
    async with serving(saying(HEAD % 9, b"half")) as url:
        upstream, response = await opened(url)
        pieces: list[bytes] = []
        with pytest.raises(UpstreamError, match="in the middle"):
            await response.pour(pieces.extend)
        assert pieces == [b"half"]
        await response.aclose()
        await upstream.aclose()


@pytest.mark.parametrize("at", [1, 2])
async def test_an_error_of_the_taker_is_its_own(at: int) -> None:
    pieces: list[bytes] = []

    def take(chunks: list[bytes]) -> None:
        pieces.extend(chunks)
        if len(pieces) == at:
            raise KeyError(at)

    async with serving(saying(HEAD % 6, b"one", b"two")) as url:
        upstream, response = await opened(url)
        with pytest.raises(KeyError):
            await response.pour(take)
        assert len(pieces) == at
        await response.aclose()
        await upstream.aclose()


async def test_who_takes_slowly_gets_all_of_it_and_holds_the_server_back() -> None:
    size, sent = 64 * HIGH_WATER, 0

    async def handler(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.stream.send(HEAD % size)
        while sent < size:
            await connection.stream.send(b"x" * HIGH_WATER)
            sent += HIGH_WATER

    async with serving(handler) as url:
        upstream, response = await opened(url)
        slow = Slow()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(response.pour, slow)
            await slow.asked.wait()
            await anyio.sleep(0.3)
            assert len(slow.pieces) == 1 and sent < size
            slow.ready.set()
        assert b"".join(slow.pieces) == b"x" * size
        await response.aclose()
        await upstream.aclose()


async def test_who_stops_waiting_gets_no_more() -> None:
    parts = [CHUNKED, b"3\r\none\r\n", *[b"3\r\ntwo\r\n"] * 20]
    async with serving(saying(*parts)) as url:
        upstream, response = await opened(url)
        pieces: list[bytes] = []
        with anyio.move_on_after(0.05) as limit:
            await response.pour(pieces.extend)
        assert limit.cancelled_caught
        taken = len(pieces)
        await anyio.sleep(0.05)
        assert 0 < taken == len(pieces) < 20
        await response.aclose()
        await upstream.aclose()
