"""The WebSocket client against an independent server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from jano_core.errors import UpstreamError
from jano_core.runtime import websocket
from jano_core.runtime.websocket import Closed, Refusal, connect
from jano_core.websocket_frames import accept_key
from tests.runtime.raw_server import Connection, serving

pytestmark = [pytest.mark.anyio, pytest.mark.wire]


@asynccontextmanager
async def server(
    handler: Callable[[ServerConnection], Awaitable[None]], *protocols: str
) -> AsyncIterator[str]:
    offered = [Subprotocol(name) for name in protocols] or None
    async with serve(handler, "127.0.0.1", 0, subprotocols=offered) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def test_messages_of_both_kinds_and_every_size() -> None:
    async with server(echo) as url, connect(url, b"/ws?a=1") as socket:
        for message in ("", "hé", "x" * 125, "x" * 126, "x" * 70_000, b"", b"\0\xff" * 500_000):
            await socket.send(message)
            assert await socket.receive() == message


async def test_headers_path_and_subprotocol() -> None:
    seen: list[object] = []

    async def note(connection: ServerConnection) -> None:
        assert connection.request
        seen.append((connection.request.path, connection.request.headers["x-a"]))

    async with server(note, "b", "c") as url:
        headers = [(b"x-a", b"1"), (b"Host", b"jano"), (b"Sec-WebSocket-Key", b"theirs")]
        async with connect(f"{url}/base", b"/ws?a=%20", headers, ["a", "b"]) as socket:
            assert socket.subprotocol == "b"
            with pytest.raises(Closed):
                await socket.receive()
    assert seen == [("/base/ws?a=%20", "1")]


async def test_pieces_and_pings_in_between() -> None:
    async def handler(connection: ServerConnection) -> None:
        async def pieces() -> AsyncIterator[str]:
            yield "one "
            await (await connection.ping(b"!"))
            yield "two"

        await connection.send(pieces())
        await connection.wait_closed()

    async with server(handler) as url, connect(url, b"/") as socket:
        assert await socket.receive() == "one two"


async def test_the_servers_close_is_seen_with_code_and_reason() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("last")
        await connection.close(4001, "bye")

    async with server(handler) as url, connect(url, b"/") as socket:
        assert await socket.receive() == "last"
        for _ in range(2):
            with pytest.raises(Closed) as closed:
                await socket.receive()
            assert (closed.value.code, closed.value.reason) == (4001, "bye")
        with pytest.raises(Closed):
            await socket.send("too late")


async def test_our_close_is_seen_with_code_and_reason() -> None:
    seen: list[object] = []
    done = anyio.Event()

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        seen.append((connection.close_code, connection.close_reason))
        done.set()

    async with server(handler) as url:
        async with connect(url, b"/") as socket:
            await socket.close(4002, "enough")
        with anyio.fail_after(5):
            await done.wait()
    assert seen == [(4002, "enough")]


async def test_cancelled_it_is_closed() -> None:
    met, done = anyio.Event(), anyio.Event()

    async def handler(connection: ServerConnection) -> None:
        met.set()
        await connection.wait_closed()
        done.set()

    async def listen(url: str) -> None:
        async with connect(url, b"/") as socket:
            await socket.receive()

    async with server(handler) as url, anyio.create_task_group() as tasks:
        tasks.start_soon(listen, url)
        await met.wait()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        await done.wait()


async def test_a_server_that_is_gone_or_does_not_want_it() -> None:
    async def not_found(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    async with serving(not_found) as url:
        with pytest.raises(Refusal) as refusal:
            async with connect(url, b"/"):
                pass
        assert refusal.value.status == 404
    with pytest.raises(UpstreamError):
        async with connect("http://127.0.0.1:9", b"/"):
            pass


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nsec-websocket-accept: wrong\r\n\r\n",
    ],
)
async def test_a_handshake_that_is_none(answer: bytes) -> None:
    async def handler(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send(answer)

    async with serving(handler) as url:
        with pytest.raises(UpstreamError):
            async with connect(url, b"/"):
                pass


async def shaken_hands(connection: Connection, more: bytes) -> None:
    """Answer the handshake, with `more` behind its last header."""
    head = await connection.request()
    key = head.partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
    answer = b"HTTP/1.1 101 Yes\r\nsec-websocket-accept: " + accept_key(key) + b"\r\n"
    await connection.stream.send(answer + more)


@pytest.mark.parametrize("chosen", [b"other", b"\xff", b"a\nset-cookie: b"])
async def test_a_subprotocol_that_was_not_offered(chosen: bytes) -> None:
    async def handler(connection: Connection) -> None:
        await shaken_hands(connection, b"sec-websocket-protocol: " + chosen + b"\r\n\r\n")

    async with serving(handler) as url:
        with pytest.raises(UpstreamError, match="subprotocol"):
            async with connect(url, b"/", subprotocols=["a"]):
                pass


@pytest.mark.parametrize("code", [0, 1005, 65535])
async def test_a_close_code_that_may_not_be_sent_is_not_passed_on(code: int) -> None:
    async def handler(connection: Connection) -> None:
        await shaken_hands(connection, b"\r\n\x88\x02" + code.to_bytes(2, "big"))

    async with serving(handler) as url, connect(url, b"/") as socket:
        with pytest.raises(Closed) as closed:
            await socket.receive()
        assert closed.value.code == 1002


async def test_a_message_that_is_too_long_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)

    async def handler(connection: ServerConnection) -> None:
        await connection.send("x" * 1001)
        await connection.wait_closed()

    async with server(handler) as url, connect(url, b"/") as socket:
        with pytest.raises(Closed) as closed:
            await socket.receive()
        assert closed.value.code == 1009


async def test_a_connection_that_breaks_has_no_close_code() -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with server(handler) as url, connect(url, b"/") as socket:
        with pytest.raises(Closed) as closed:
            await socket.receive()
        assert closed.value.code == 1006
