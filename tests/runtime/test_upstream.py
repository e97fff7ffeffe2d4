from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from jano_core.errors import UpstreamError
from jano_core.runtime.upstream import Upstream, UpstreamResponse
from tests.runtime.raw_server import Connection, serving

pytestmark = [pytest.mark.anyio, pytest.mark.wire]


async def read(response: UpstreamResponse) -> bytes:
    body = b""
    try:
        while piece := await response.read():
            body += piece
        return body
    finally:
        await response.aclose()


async def ask(upstream: Upstream, body: bytes | memoryview = b"{}") -> bytes:
    return await read(await upstream.open("POST", b"/v1/chat", [], body))


async def test_bytes_go_both_ways_as_they_are() -> None:
    seen = b""

    async def handler(connection: Connection) -> None:
        nonlocal seen
        seen = await connection.request()
        await connection.answer(
            b"\x1f\x8bnot really gzip", b"Content-Encoding: gzip", b"X-A: 1", b"x-a: 2"
        )

    async with serving(handler) as url:
        upstream = Upstream(f"{url}/base/")
        headers = [(b"X-Odd", b"caf\xe9")]
        response = await upstream.open("POST", b"/v1/%7Ea//b?q=%zz&[1]", headers, b"[1, 2]")
        assert response.status == 200
        assert response.headers[1:] == [
            (b"Content-Encoding", b"gzip"), (b"X-A", b"1"), (b"x-a", b"2")
        ]  # fmt: skip
        assert await read(response) == b"\x1f\x8bnot really gzip"
        await upstream.aclose()
    host = url.removeprefix("http://").encode()
    assert seen == (
        b"POST /base/v1/%7Ea//b?q=%zz&[1] HTTP/1.1\r\nhost: " + host + b"\r\n"
        b"X-Odd: caf\xe9\r\ncontent-length: 6\r\n\r\n[1, 2]"
    )


async def test_chunks_come_as_they_are_sent() -> None:
    more = anyio.Event()

    async def handler(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await connection.stream.send(b"3\r\none\r\n")
        await more.wait()
        await connection.stream.send(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serving(handler) as url:
        upstream = Upstream(url)
        response = await upstream.open("GET", b"/", [])
        assert await response.read() == b"one"
        more.set()
        assert await response.read() == b"two"
        assert await response.read() == b""
        await response.aclose()
        await upstream.aclose()


async def test_a_streamed_body_keeps_its_length_or_goes_in_chunks() -> None:
    heads = []

    async def handler(connection: Connection) -> None:
        for _ in range(2):
            heads.append(await connection.request())
            await connection.answer(b"")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"cd"

    class Measured:
        def __len__(self) -> int:
            return 4

        def __aiter__(self) -> AsyncIterator[bytes]:
            return pieces()

    async with serving(handler) as url:
        upstream = Upstream(url)
        await read(await upstream.open("POST", b"/", [], Measured()))
        await read(await upstream.open("POST", b"/", [], pieces()))
        await upstream.aclose()
    assert heads[0].endswith(b"content-length: 4\r\n\r\nabcd")
    assert b"transfer-encoding: chunked" in heads[1]


@pytest.mark.parametrize("moment", ["head", "body"])
async def test_cancelled_it_closes_the_connection_at_once(moment: str) -> None:
    asked, closed = anyio.Event(), anyio.Event()

    async def handler(connection: Connection) -> None:
        await connection.request()
        if moment == "body":
            await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")
        asked.set()
        await connection.until_closed()
        closed.set()

    async with serving(handler) as url:
        upstream = Upstream(url)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, upstream)
            await asked.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(2):
            await closed.wait()
        await upstream.aclose()


async def test_an_answer_closed_halfway_closes_the_connection() -> None:
    closed = anyio.Event()

    async def handler(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")
        await connection.until_closed()
        closed.set()

    async with serving(handler) as url:
        upstream = Upstream(url)
        response = await upstream.open("GET", b"/", [])
        assert await response.read() == b"part"
        await response.aclose()
        with anyio.fail_after(2):
            await closed.wait()
        await upstream.aclose()


async def test_a_body_that_breaks_off_is_an_error() -> None:
    async def handler(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")

    async with serving(handler) as url:
        upstream = Upstream(url)
        with pytest.raises(UpstreamError):
            await ask(upstream)
        await upstream.aclose()


@pytest.mark.parametrize("body", [b"{}", memoryview(bytearray(2**17))], ids=["small", "big"])
async def test_connections_are_kept_and_one_found_dead_is_replaced_once(
    body: bytes | memoryview,
) -> None:
    requests = []

    async def handler(connection: Connection) -> None:
        await connection.request()
        requests.append(connection.number)
        await connection.answer(b"first")
        await connection.request()
        requests.append(connection.number)
        if connection.number > 1:
            await connection.answer(b"again")
        # else: closed without a word, as an idle timeout that crosses the request would

    async with serving(handler) as url:
        upstream = Upstream(url)
        assert [await ask(upstream, body) for _ in range(3)] == [b"first", b"first", b"again"]
        assert requests == [1, 1, 2, 2]
        await upstream.aclose()


async def test_a_big_body_through_another_transport() -> None:
    seen = b""

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal seen
        seen = await request.aread()
        return httpx.Response(200, stream=httpx.ByteStream(b"ok"))

    upstream = Upstream("http://model", httpx.MockTransport(handler))
    assert await ask(upstream, memoryview(bytearray(b"x" * 2**20))) == b"ok"
    assert seen == b"x" * 2**20
    await upstream.aclose()


async def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    count = 0

    async def handler(connection: Connection) -> None:
        nonlocal count
        await connection.request()
        count += 1

    async with serving(handler) as url:
        upstream = Upstream(url)
        with pytest.raises(UpstreamError, match="disconnected"):
            await ask(upstream)
        await upstream.aclose()
    assert count == 1


async def test_a_body_that_came_in_pieces_is_not_sent_twice() -> None:
    count = 0

    async def handler(connection: Connection) -> None:
        nonlocal count
        await connection.request()
        await connection.answer(b"first")
        await connection.request()
        count += 1

    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"

    async with serving(handler) as url:
        upstream = Upstream(url)
        await ask(upstream)
        with pytest.raises(UpstreamError):
            await upstream.open("POST", b"/", [(b"content-length", b"2")], pieces())
        await upstream.aclose()
    assert count == 1


async def test_nobody_there() -> None:
    upstream = Upstream("http://127.0.0.1:9")
    with pytest.raises(UpstreamError):
        await ask(upstream)


async def test_many_at_once_and_nothing_left_open() -> None:
    open_now = 0

    async def handler(connection: Connection) -> None:
        nonlocal open_now
        open_now += 1
        try:
            while True:
                await connection.request()
                await connection.answer(b"ok")
        finally:
            open_now -= 1

    async with serving(handler) as url:
        upstream = Upstream(url)
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(ask, upstream)
        assert open_now <= 200
        await upstream.aclose()
        with anyio.fail_after(5):
            while open_now:  # noqa: ASYNC110
                await anyio.sleep(0.01)


async def test_a_transport_of_the_tests_own() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["host"] == "model:1"
        return httpx.Response(200, content=request.url.raw_path)

    upstream = Upstream("http://model:1/v1", httpx.MockTransport(answer))
    assert await read(await upstream.open("GET", b"/models?a=b", [])) == b"/v1/models?a=b"
