"""A listener on real sockets, on both loops: who comes, who leaves, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import websockets
from websockets.asyncio.client import connect

from jano_core.http1 import acceptor
from jano_core.http1 import listener as listening
from jano_core.http1.asgi import Application, Receive, Scope, Send
from jano_core.http1.listener import Listener
from jano_core.http1.request import Request, RequestReader
from jano_core.sockets import listen_tcp, listen_unix
from tests.http1.rig import (
    CLOSING,
    GET,
    Held,
    body,
    body_of,
    echo,
    filling,
    head,
    length_of,
    post,
    whole,
)

pytestmark = [pytest.mark.anyio, pytest.mark.wire]

LONG = 15.0


@asynccontextmanager
async def serving(
    application: Application, bound: socket.socket | None = None
) -> AsyncIterator[Listener]:
    listener = Listener(bound or listen_tcp("127.0.0.1", 0), application)
    async with asyncio.TaskGroup() as tasks:
        serve = tasks.create_task(listener.serve())
        yield listener
        if not serve.done():
            listener.stop()
        async with asyncio.timeout(LONG):
            await serve


class Client:
    """One connection from outside."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.say = writer.write

    async def answer(self) -> bytes:
        """Head and body of an answer that has a content-length."""
        async with asyncio.timeout(LONG):
            text = await self.reader.readuntil(b"\r\n\r\n")
            size = text.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return text + await self.reader.readexactly(int(size or 0))

    async def rest(self) -> bytes:
        """All until the connection ends; raises `ConnectionResetError` where it breaks."""
        async with asyncio.timeout(LONG):
            return await self.reader.read()

    def reset(self) -> None:
        """Leave without a goodbye."""
        made = self.writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def leave(self, how: str) -> None:
        """`half`: say no more; `reset`: without a goodbye; `close`: as one does."""
        match how:
            case "half":
                self.writer.write_eof()
            case "reset":
                self.reset()
            case "close":
                self.writer.close()


@asynccontextmanager
async def client(listener: Listener) -> AsyncIterator[Client]:
    where = listener.address
    if where[1] is None:
        reader, writer = await asyncio.open_unix_connection(where[0])
    else:
        reader, writer = await asyncio.open_connection(*where)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 - what another side does
            await asyncio.sleep(0.005)


async def test_a_thousand_requests_on_one_connection() -> None:
    async with serving(echo) as listener, client(listener) as one:
        for number in range(1000):
            one.say(post(b"%d" % number))
            assert (await one.answer()).endswith(b"\r\n\r\nPOST / %d" % number)
        assert len(listener.connections) == 1


async def test_a_big_body_both_ways() -> None:
    sizes: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        text = await body_of(receive)
        sizes.append(len(text))
        await whole(send, text)

    async with serving(application) as listener, client(listener) as one:
        text = os.urandom(2**20) * 10
        one.say(post(text))
        assert (await one.answer()).endswith(text)
    assert sizes == [len(text)]


async def test_a_big_body_put_where_it_is_wanted_and_the_next_request() -> None:
    async with serving(filling) as listener, client(listener) as one:
        for number in range(3):
            text = os.urandom(2**20) * 10 + b"%d" % number
            one.say(post(text) + post(b"next") + GET)
            assert (await one.answer()).endswith(b"\r\n\r\nPOST / " + text)
            assert (await one.answer()).endswith(b"\r\n\r\nPOST / next")
            assert (await one.answer()).endswith(b"\r\n\r\nGET / ")
        assert len(listener.connections) == 1


async def test_a_big_body_that_nobody_asks_for_stays_with_the_client() -> None:
    held = Held()
    size = 2**26
    place = bytearray(size)
    async with serving(held) as listener, client(listener) as one:
        one.say(post(b"")[:-21] + b"content-length: %d\r\n\r\n" % size)
        one.say(b"x" * size)
        buffered = one.writer.transport.get_write_buffer_size
        before = -1
        while before != buffered():
            before = buffered()
            await asyncio.sleep(0.2)
        assert before > size // 2
        (call,) = held.calls
        async with asyncio.timeout(LONG):
            assert await call.scope["extensions"]["jano.fill"](memoryview(place))
        assert place.count(b"x") == size
        await whole(call.send, b"yes")
        assert (await one.answer()).endswith(b"yes")
        call.over.set()


@pytest.mark.parametrize("how", ["half", "reset", "close"])
async def test_a_client_that_leaves_while_its_body_is_put_somewhere(how: str) -> None:
    ends: list[bool] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        place = memoryview(bytearray(length_of(scope)))
        ends.append(await scope["extensions"]["jano.fill"](place))

    async with serving(application) as listener, client(listener) as one:
        one.say(post(b"x" * 2**22)[:-1])
        await one.writer.drain()
        await until(lambda: listener.running)
        one.leave(how)
        await until(lambda: not listener.running)
    assert ends == [False]


async def test_a_client_that_does_not_read_holds_the_application_back() -> None:
    sent = 0

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await head(send)
        for _ in range(1000):
            await body(send, b"x" * 2**18, more=True)
            sent += 2**18

    async with serving(flood) as listener, client(listener) as one:
        one.say(GET)
        await one.reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        assert 0 < sent < 2**25
        one.reset()
        await until(lambda: not listener.running)  # the application ran into the void


@pytest.mark.parametrize("how", ["half", "reset", "close"])
@pytest.mark.parametrize("when", ["waiting", "streaming", "sending"])
async def test_a_client_that_leaves_is_noticed(how: str, when: str) -> None:
    gone, began = asyncio.Event(), asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"]["jano.hangup"](gone.set)
        if when == "streaming":
            await head(send)
            await body(send, b"x", more=True)
        began.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(application) as listener, client(listener) as one:
        one.say(post(b"hi")[: -1 if when == "sending" else None])
        async with asyncio.timeout(LONG):
            await began.wait()
            one.leave(how)
            await gone.wait()
        await until(lambda: not listener.connections and not listener.running)


async def test_a_client_leaves_nothing_for_the_collector() -> None:
    def living() -> int:
        return sum(isinstance(each, Request | RequestReader) for each in gc.get_objects())

    async with serving(echo) as listener:
        gc.collect()
        before = living()
        gc.disable()
        try:
            async with client(listener) as one:
                for _ in range(3):
                    one.say(post(b"hi"))
                    assert (await one.answer()).endswith(b"hi")
            await until(lambda: living() == before)
        finally:
            gc.enable()


@pytest.mark.parametrize("joined", [False, True])
async def test_a_crowd_at_once(joined: bool) -> None:
    held = Held()
    async with serving(held) as listener, contextlib.AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(client(listener)) for _ in range(300)]
        for one in crowd:
            one.say(GET)
        await until(lambda: len(held.calls) == len(crowd))
        for call in held.calls:
            await whole(call.send, b"ok", joined=joined)
            call.over.set()
        for one in crowd:
            assert (await one.answer()).endswith(b"ok")


@pytest.mark.parametrize("joined", [False, True])
async def test_a_crowd_that_asks_again_leaves_and_sends_ahead(joined: bool) -> None:
    """Answers to a crowd are held until the end of a step: each gets its own, in order, and who
    leaves meanwhile or wants the connection closed is no trouble.
    """
    gate = asyncio.Event()

    async def together(scope: Scope, receive: Receive, send: Send) -> None:
        await gate.wait()
        await whole(send, scope["raw_path"], joined=joined)

    async def ask(number: int) -> None:
        async with client(listener) as one:
            paths = [b"/%d/%d" % (number, turn) for turn in range(3)]
            requests = [GET.replace(b" / ", b" %b " % path) for path in paths]
            if number % 5 == 1:
                one.say(requests[0])
                await asyncio.sleep(0.05)
                one.reset()
                return
            if number % 5 == 2:
                one.say(CLOSING)
                assert (await one.rest()).endswith(b"\r\n\r\n/")
                return
            one.say(b"".join(requests) if number % 5 == 3 else requests[0])
            for turn, path in enumerate(paths):
                assert (await one.answer()).endswith(b"\r\n\r\n" + path)
                if number % 5 != 3 and turn < 2:
                    one.say(requests[turn + 1])

    async with serving(together) as listener, asyncio.TaskGroup() as tasks:
        for number in range(100):
            tasks.create_task(ask(number))
        await asyncio.sleep(0.1)
        gate.set()


async def test_a_crowd_is_let_in_within_few_steps_of_the_loop() -> None:
    """However long a step is: the last of them must not wait for as many steps as there are."""
    async with serving(echo) as listener:
        crowd = [socket.create_connection(listener.address) for _ in range(200)]
        steps = 0
        while len(listener.connections) < len(crowd):
            steps += 1
            await asyncio.sleep(0)
            assert steps < 50
        for one in crowd:
            one.close()
        await until(lambda: not listener.connections)


class Lacking(socket.socket):
    """Has no file left for the first client, and the second leaves too early."""

    problems: ClassVar[list[int]] = []

    def accept(self) -> Any:
        if self.problems:
            raise OSError(self.problems.pop(0), "a problem")
        return super().accept()


async def test_who_cannot_be_let_in_now_is_let_in_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.05)
    Lacking.problems = [errno.EMFILE, errno.ECONNABORTED]
    bound = Lacking(fileno=listen_tcp("127.0.0.1", 0).detach())
    async with serving(echo, bound) as listener, client(listener) as one:
        one.say(GET)
        assert (await one.answer()).endswith(b"GET / ")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_an_answer_is_read_although_the_body_is_not() -> None:
    refused = b"x" * 200_000

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await whole(send, refused, 401)

    async with serving(refuse) as listener, client(listener) as one:
        one.say(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n")
        one.say(b"y" * 5_000_000)
        assert (await one.answer()).endswith(refused)
        one.writer.close()


async def test_a_cut_answer_without_a_length_looks_cut() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send)
        await body(send, b"part", more=True)
        raise ValueError

    async with serving(failing) as listener:
        async with client(listener) as one:
            one.say(GET)
            assert (await one.rest()).endswith(b"4\r\npart\r\n")
        async with client(listener) as one:
            one.say(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await one.rest()


async def test_stopping_lets_what_runs_end_and_nobody_in() -> None:
    held = Held()
    async with serving(held) as listener, client(listener) as running, client(listener) as idle:
        running.say(GET)
        await until(lambda: len(held.calls) == 1)
        idle.say(GET)
        await until(lambda: len(held.calls) == 2)
        late, soon = held.calls
        await whole(soon.send, b"soon")
        soon.over.set()
        assert (await idle.answer()).endswith(b"soon")
        listener.stop()
        assert await idle.rest() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection(*listener.address)
        assert len(listener.running) == 1
        await whole(late.send, b"late")
        late.over.set()
        out = await running.answer()
        assert b"connection: close" in out
        assert out.endswith(b"late")


async def test_a_request_that_is_on_its_way_when_the_listener_stops_is_answered() -> None:
    async with serving(echo) as listener, client(listener) as half, client(listener) as fresh:
        half.say(GET[:20])
        await until(lambda: len(listener.connections) == 2)
        await until(lambda: any(each._in_head for each in listener.connections))
        listener.stop()
        fresh.say(GET)
        half.say(GET[20:])
        for one in (fresh, half):
            assert (await one.rest()).endswith(b"\r\n\r\nGET / ")


async def test_who_has_just_connected_when_the_listener_stops_may_take_a_moment() -> None:
    async with serving(echo) as listener, client(listener) as early, client(listener) as idle:
        await until(lambda: len(listener.connections) == 2)
        listener.stop()
        await asyncio.sleep(3 * listening.ON_THEIR_WAY_S)
        early.say(GET)
        answer = await early.answer()
        assert b"connection: close" in answer and answer.endswith(b"GET / ")
        assert await idle.rest() == b""


async def test_serve_that_is_cancelled_leaves_nothing() -> None:
    held = Held()
    listener = Listener(listen_tcp("127.0.0.1", 0), held)
    serve = asyncio.create_task(listener.serve())
    await asyncio.sleep(0)
    async with client(listener) as one:
        one.say(GET)
        await until(lambda: held.calls)
        serve.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serve
        assert await one.rest() == b""
    await until(lambda: not listener.connections and not listener.running)


async def test_no_timer_without_connections() -> None:
    async with serving(echo) as listener:
        assert listener.wakes_at == float("inf")
        async with client(listener) as one:
            one.say(GET)
            await one.answer()
            assert listener.wakes_at < float("inf")
        await until(lambda: listener.wakes_at == float("inf"))


async def test_the_idle_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "COARSE_S", 0.01)
    async with serving(echo) as listener:
        listener.patience = 0.05
        async with client(listener) as one, client(listener) as other:
            one.say(GET)
            await one.answer()
            assert await one.rest() == await other.rest() == b""
        await until(lambda: not listener.connections)


async def test_a_unix_socket_whose_path_stays(tmp_path: Path) -> None:
    path = tmp_path / "jano.sock"
    clients: list[object] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        clients.append((scope["client"], scope["server"]))
        await whole(send, b"hi")

    async with serving(application, listen_unix(path)) as listener, client(listener) as one:
        one.say(CLOSING)
        assert (await one.rest()).endswith(b"hi")
    assert clients == [(None, (str(path), None))]
    assert path.exists()


async def test_who_waits_in_an_inherited_socket_waits_for_the_next_one() -> None:
    bound = listen_tcp("127.0.0.1", 0)
    manager = bound.dup()  # what a service manager holds
    async with serving(echo, bound) as listener:
        async with client(listener) as one:
            one.say(CLOSING)
            await one.rest()
        listener.stop()
        waiting = socket.create_connection(listener.address)
        waiting.sendall(CLOSING)
    async with serving(echo, manager):
        answer = await asyncio.to_thread(waiting.recv, 4096)
        assert answer.endswith(b"GET / ")
    waiting.close()


async def test_a_websocket_with_a_client_that_others_wrote() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "talk"})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "end":
                await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
                return
            await send(
                {"type": "websocket.send"} | {k: v for k, v in message.items() if k != "type"}
            )

    async with serving(application) as listener:
        url = "ws://{}:{}/".format(*listener.address)
        talk = [websockets.Subprotocol("talk")]
        async with connect(url, subprotocols=talk, proxy=None, max_size=None) as one:
            assert one.subprotocol == "talk"
            for text in ("short", "ü" * 1000, b"", b"\0" * 3_000_000):
                await one.send(text)
                assert await one.recv() == text
            await one.send([b"in ", b"pieces"])
            assert await one.recv() == b"in pieces"
            await (await one.ping())
            await one.send("end")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await one.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")
        await until(lambda: not listener.connections)
