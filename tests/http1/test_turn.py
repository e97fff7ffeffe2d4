"""What an application is told of a request, and how its answer looks on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from jano_core.http1.asgi import Receive, Scope, Send
from tests.http1.rig import GET, Held, Rig, body, body_of, echo, head, post, steps, whole

pytestmark = pytest.mark.anyio

CHUNKED = b"HTTP/1.1 200 OK\r\nserver: jano\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_what_the_application_is_told() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(b"POST /a%2Fb/%C3%BC%FF?q=%20&x HTTP/1.1\r\nHost: h\r\nX-Y: 1\r\nx-y: 2\r\n\r\n")
    scope = dict(held.calls[0].scope)
    assert callable(scope.pop("extensions")["jano.hangup"])
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a/b/ü\ufffd",
        "raw_path": b"/a%2Fb/%C3%BC%FF",
        "query_string": b"q=%20&x",
        "root_path": "",
        "headers": [(b"host", b"h"), (b"x-y", b"1"), (b"x-y", b"2")],
        "client": ("10.0.0.1", 5),
        "server": ("0.0.0.0", 0),
    }


async def test_a_small_body_comes_as_one_message() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(post(b"hi"))
    only = {"type": "http.request", "body": b"hi", "more_body": False}
    assert await held.calls[0].receive() == only


async def test_a_body_that_has_come_can_be_had_without_waiting() -> None:
    held = Held()
    rig = Rig(held)
    for body_ in (b"", b"hi"):
        await rig.feed(post(body_))
        call = held.calls[-1]
        assert call.scope["extensions"]["jano.arrived"]() == body_
        await whole(call.send, b"")
        call.over.set()
    await rig.feed(post(b"hi")[:-1])
    arrived = held.calls[-1].scope["extensions"]["jano.arrived"]
    assert arrived() is None
    await rig.feed(b"i")
    assert arrived() is None, "it came in two pieces"
    assert await body_of(held.calls[-1].receive) == b"hi"


async def test_of_a_client_that_is_gone_no_body_has_come() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(post(b"hi"))
    await rig.hang_up()
    assert held.calls[0].scope["extensions"]["jano.arrived"]() is None
    held.calls[0].over.set()
    await steps()


async def test_a_big_body_comes_piece_by_piece() -> None:
    held = Held()
    rig = Rig(held)
    text = post(b"a" * 10 + b"b" * 10)
    await rig.feed(text[:-10])
    (call,) = held.calls
    assert await call.receive() == {"type": "http.request", "body": b"a" * 10, "more_body": True}
    await rig.feed(text[-10:])
    assert await call.receive() == {"type": "http.request", "body": b"b" * 10, "more_body": False}


async def test_without_a_length_each_piece_is_a_chunk() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET)
    (call,) = held.calls
    await head(call.send)
    assert rig.transport.out == b""
    await steps(1)
    assert rig.transport.out == CHUNKED  # a head does not wait for its body
    await body(call.send, b"one", more=True)
    await body(call.send, b"two", more=True)
    await body(call.send, b"", more=True)
    await body(call.send, b"x" * 70_000, more=True)
    await body(call.send)
    assert rig.transport.writes[1:] == [
        b"3\r\none\r\n",
        b"3\r\ntwo\r\n",
        b"11170\r\n",
        b"x" * 70_000,
        b"\r\n",
        b"0\r\n\r\n",
    ]
    assert not rig.transport.ended


@pytest.mark.parametrize("announced", [True, False])
async def test_chunks_that_came_together_leave_in_one_write(announced: bool) -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET)
    (call,) = held.calls
    await head(call.send, 200, *[(b"content-length", b"9")] * announced)
    await steps(1)
    several: dict[str, Any] = {"type": "http.response.body", "more_body": True}
    await call.send({**several, "body": b"onetwo", "jano.chunks": [b"one", b"two"]})
    last = {"body": b"era", "jano.chunks": [b"er", b"a"], "more_body": False}
    await call.send({**several, **last})
    framed = [b"3\r\none\r\n3\r\ntwo\r\n", b"2\r\ner\r\n1\r\na\r\n0\r\n\r\n"]
    assert rig.transport.writes[1:] == ([b"onetwo", b"era"] if announced else framed)


async def test_the_last_piece_takes_the_end_along() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send)
        await body(send, b"all")

    rig = Rig(application)
    assert await rig.feed(GET) == CHUNKED + b"3\r\nall\r\n0\r\n\r\n"
    assert len(rig.transport.writes) == 1


async def test_a_client_of_old_gets_no_chunks() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    (call,) = held.calls
    await head(call.send)
    await body(call.send, b"one", more=True)
    await body(call.send, b"two")
    expected = b"HTTP/1.1 200 OK\r\nserver: jano\r\nconnection: close\r\n\r\nonetwo"
    assert rig.transport.out == expected
    assert rig.transport.ended == "closed"


@pytest.mark.parametrize(
    ("request_", "status", "length"),
    [
        (b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", 200, b"content-length: 9\r\n"),
        (GET, 304, b"content-length: 9\r\n"),
        (GET, 204, b""),
    ],
)
async def test_answers_without_a_body(request_: bytes, status: int, length: bytes) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send, status, (b"content-length", b"9"))
        await body(send, b"void", more=True)
        await body(send, b"void")

    rig = Rig(application)
    first, _, rest = (await rig.feed(request_)).partition(b"\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert rest == length + b"server: jano\r\n\r\n"
    assert await rig.feed(request_)


async def test_a_head_request_for_what_has_no_length() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send)
        await body(send, b"void")

    rig = Rig(application)
    out = await rig.feed(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert out == b"HTTP/1.1 200 OK\r\nserver: jano\r\n\r\n"


@pytest.mark.parametrize(("sent", "seen"), [(b"too much", b""), (b"part", b"part")])
async def test_a_body_that_is_not_as_long_as_announced_is_cut(sent: bytes, seen: bytes) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send, 200, (b"content-length", b"5"))
        await body(send, sent)

    rig = Rig(application)
    assert (await rig.feed(GET)).partition(b"\r\n\r\n")[2] == seen
    assert rig.transport.ended == "closed"


async def test_the_server_s_own_headers() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        own = [(b"server", b"mine"), (b"date", b"never"), (b"x", b"1"), (b"x", b"2")]
        hop = [(b"connection", b"close"), (b"keep-alive", b"1"), (b"transfer-encoding", b"gzip")]
        await head(send, 299, *own, *hop)
        await body(send)

    rig = Rig(application)
    out = await rig.feed(GET)
    assert out == (
        b"HTTP/1.1 299 \r\nserver: mine\r\nx: 1\r\nx: 2\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert rig.transport.writes[0].count(b"\r\ndate: ") == 1
    assert b"never" not in rig.transport.writes[0]


@pytest.mark.parametrize("header", [(b"a", b"b\r\nc: d"), (b"a\nb", b""), (b"a", b"\r")])
async def test_a_header_cannot_become_two(header: tuple[bytes, bytes]) -> None:
    rig = Rig(lambda scope, receive, send: head(send, 200, header))
    assert (await rig.feed(GET)).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b"x"}],
        [{"type": "http.response.start", "status": 200}] * 2,
        [{"type": "http.response.push"}],
    ],
)
async def test_what_is_no_answer(messages: list[dict[str, Any]]) -> None:
    raised: list[Exception] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for message in messages:
                await send(message)
        except RuntimeError as error:
            raised.append(error)

    rig = Rig(application)
    await rig.feed(GET)
    assert len(raised) == 1
    assert rig.transport.said_eof or rig.transport.ended


async def test_a_body_both_ways() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await head(send)
        while (message := await receive())["type"] == "http.request":
            await body(send, message["body"], more=message["more_body"])
            if not message["more_body"]:
                return

    rig = Rig(application)
    out = await rig.feed(post(b"x" * 40)[:-20])
    assert out.endswith(b"14\r\n" + b"x" * 20 + b"\r\n")
    assert await rig.feed(b"x" * 20) == b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n"


async def test_nothing_is_left_of_a_thousand_requests() -> None:
    rig = Rig(echo)
    for _ in range(1000):
        assert await rig.feed(GET)
    assert not rig.listener.running
    await rig.hang_up()
    assert not rig.listener.connections
    assert rig.listener.wakes_at == float("inf")
