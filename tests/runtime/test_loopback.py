"""Jano's own client on real sockets; `test_upstream` has what every way to a server must do."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx
import pytest

from jano_core.errors import UpstreamError
from jano_core.runtime.loopback import CROWD
from jano_core.runtime.loopback_answer import Answer, AnswerReader
from jano_core.runtime.loopback_connection import HIGH_WATER, JOINED
from jano_core.runtime.loopback_transport import LoopbackTransport
from jano_core.runtime.upstream import Upstream, UpstreamResponse
from tests.runtime.raw_server import Connection, serving
from tests.wire_client import until

pytestmark = [pytest.mark.anyio, pytest.mark.wire]


async def read(response: UpstreamResponse) -> bytes:
    body = b""
    try:
        while piece := await response.read():
            body += piece
        return body
    finally:
        await response.aclose()


async def test_a_connection_with_rubbish_behind_its_answer_is_not_used_again() -> None:
    numbers = []

    async def handler(connection: Connection) -> None:
        while True:
            await connection.request()
            numbers.append(connection.number)
            await connection.stream.send(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
                b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret"
            )

    async with serving(handler) as url:
        upstream = Upstream(url)
        for _ in range(2):
            assert await read(await upstream.open("POST", b"/", [], b"{}")) == b"ok"
        await upstream.aclose()
    assert numbers == [1, 2]


async def test_an_exchange_leaves_nothing_for_the_collector() -> None:
    """What only Python's collector can free is memory that the next exchange cannot use."""

    def living() -> int:
        return sum(isinstance(each, Answer | AnswerReader) for each in gc.get_objects())

    async def handler(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.answer(b"ok")

    async with serving(handler) as url:
        upstream = Upstream(url)
        gc.collect()
        before = living()
        gc.disable()
        try:
            for _ in range(3):
                assert await read(await upstream.open("POST", b"/", [], b"{}")) == b"ok"
            assert living() - before <= 2, "the connection's reader, and what it read last"
            await upstream.aclose()
            await until(lambda: living() == before, "they are gone with the connection")
        finally:
            gc.enable()


async def test_what_a_server_says_unasked_is_never_an_answer() -> None:
    said = anyio.Event()

    async def handler(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"first")
        if connection.number == 1:
            await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
            await connection.until_closed()
            said.set()

    async with serving(handler) as url:
        upstream = Upstream(url)
        assert await read(await upstream.open("POST", b"/", [], b"{}")) == b"first"
        with anyio.fail_after(2):
            await said.wait()
        assert await read(await upstream.open("POST", b"/", [], b"{}")) == b"first"
        await upstream.aclose()


async def test_half_an_answer_is_not_asked_for_twice() -> None:
    count = 0

    async def handler(connection: Connection) -> None:
        nonlocal count
        count += 1
        await connection.request()
        await connection.answer(b"first")
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 O")

    async with serving(handler) as url:
        upstream = Upstream(url)
        await read(await upstream.open("POST", b"/", [], b"{}"))
        with pytest.raises(UpstreamError, match="disconnected"):
            await upstream.open("POST", b"/", [], b"{}")
        await upstream.aclose()
    assert count == 1


async def test_a_refusal_that_comes_before_the_body_is_sent_is_heard() -> None:
    async def handler(connection: Connection) -> None:
        await connection.stream.receive()
        await connection.stream.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await connection.until_closed()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await anyio.lowlevel.checkpoint()

    async with serving(handler) as url:
        upstream = Upstream(url)
        with anyio.fail_after(5):
            response = await upstream.open("POST", b"/", [], endless())
            assert (response.status, await read(response)) == (413, b"big")
        await upstream.aclose()


async def test_a_slow_client_holds_its_server_back() -> None:
    sent = 0

    async def handler(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 33554432\r\n\r\n")
        for _ in range(512):
            await connection.stream.send(b"x" * 65536)
            sent += 65536

    async with serving(handler) as url:
        upstream = Upstream(url)
        response = await upstream.open("GET", b"/", [])
        before = -1
        while sent != before:  # until the buffers between the two are full
            before = sent
            await anyio.sleep(0.3)
        assert sent < 32 * 2**20
        answer = response._answer  # type: ignore[attr-defined]  # what is held cannot be seen else
        assert answer.buffered <= 2 * HIGH_WATER
        assert len(await read(response)) == 32 * 2**20
        await upstream.aclose()


@pytest.mark.parametrize("body", [10, JOINED + 1], ids=["small", "large"])
async def test_each_of_a_crowd_gets_its_own_answer(body: int) -> None:
    async def handler(connection: Connection) -> None:
        while True:
            request = await connection.request()
            assert request.endswith(b"x" * body)
            await connection.answer(request.split()[1])

    async def ask(number: int) -> None:
        target = b"/%d" % number
        answers[target] = await read(await upstream.open("POST", target, [], b"x" * body))

    answers: dict[bytes, bytes] = {}
    async with serving(handler) as url:
        upstream = Upstream(url)
        for turn in range(3):  # with new connections, then with kept ones
            async with anyio.create_task_group() as crowd:
                for number in range(5 * CROWD):
                    crowd.start_soon(ask, 100 * turn + number)
        await upstream.aclose()
    assert len(answers) == 15 * CROWD
    assert all(target == answer for target, answer in answers.items())


async def test_who_leaves_a_crowd_takes_nobody_s_answer_along() -> None:
    async def handler(connection: Connection) -> None:
        while True:
            await connection.answer((await connection.request()).split()[1])

    async def ask(number: int) -> None:
        scopes[number], target = anyio.CancelScope(), b"/%d" % number
        with scopes[number]:
            answers[number] = await read(await upstream.open("POST", target, [], b"{}"))

    async def leave() -> None:
        for number in range(0, 4 * CROWD, 2):
            scopes[number].cancel()

    scopes: dict[int, anyio.CancelScope] = {}
    answers: dict[int, bytes] = {}
    async with serving(handler) as url:
        upstream = Upstream(url)
        async with anyio.create_task_group() as crowd:
            for number in range(4 * CROWD):  # so that connections are kept
                crowd.start_soon(ask, number)
        for _ in range(3):
            answers.clear()
            async with anyio.create_task_group() as crowd:
                for number in range(4 * CROWD):
                    crowd.start_soon(ask, number)
                crowd.start_soon(leave)
            assert answers == {number: b"/%d" % number for number in range(1, 4 * CROWD, 2)}
        await upstream.aclose()


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "model.sock"
    seen = []

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            seen.append(await stream.receive())
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    listener = await anyio.create_unix_listener(path)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        upstream = Upstream(f"http+unix://{quote(str(path), safe='')}/base")
        assert await read(await upstream.open("GET", b"/v1/models", [])) == b"ok"
        await upstream.aclose()
        tasks.cancel_scope.cancel()
    assert seen == [b"GET /base/v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"]


@pytest.mark.parametrize(
    ("target", "header"),
    [
        (b"/a b", b"fine"),
        (b"/a\r\nx: y", b"fine"),
        (b"/", b"a\r\nx: y"),
        (b"/", b"a\nb"),
        (b"/", b"a\rb"),
    ],
)
async def test_a_request_cannot_become_two(target: bytes, header: bytes) -> None:
    async with serving(lambda connection: connection.until_closed()) as url:
        upstream = Upstream(url)
        with pytest.raises(UpstreamError, match="cannot be sent"):
            await upstream.open("GET", target, [(b"x-a", header)])


async def test_httpx_on_top_of_it() -> None:
    async def handler(connection: Connection) -> None:
        assert b"hello" in await connection.request()
        await connection.answer(b"one", b"x-a: b")
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")

    async with (
        serving(handler) as url,
        httpx.AsyncClient(transport=LoopbackTransport(), trust_env=False) as client,
    ):
        answer = await client.post(f"{url}/v1?q=%zz", content=b"hello")
        assert (answer.text, answer.headers["x-a"]) == ("one", "b")
        with pytest.raises(httpx.TransportError):
            await client.get(url)
        with pytest.raises(httpx.NetworkError):
            await client.get("http://127.0.0.1:9")
