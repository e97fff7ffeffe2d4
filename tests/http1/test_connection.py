"""One connection, driven byte by byte: order, ends, limits, and what is left behind."""

from __future__ import annotations

import asyncio
import random

import pytest

from jano_core.http1.asgi import Message, Receive, Scope, Send
from jano_core.http1.connection import HIGH_WATER
from jano_core.http1.turn import CROWD
from tests.http1.rig import (
    CLOSING,
    GET,
    Held,
    Rig,
    body,
    body_of,
    echo,
    head,
    post,
    steps,
    whole,
)

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"


def answer(text: bytes, *, close: bool = False) -> bytes:
    last = b"connection: close\r\n" if close else b""
    return OK + b"content-length: %d\r\nserver: jano\r\n%b\r\n%b" % (len(text), last, text)


async def test_a_request_and_the_next() -> None:
    rig = Rig(echo)
    for number in range(3):
        text = b"%d" % number
        assert await rig.feed(post(text, b"/a")) == answer(b"POST /a " + text)
    assert not rig.transport.ended
    assert not rig.listener.running


async def test_head_and_body_leave_in_one_write() -> None:
    rig = Rig(echo)
    await rig.feed(GET)
    assert len(rig.transport.writes) == 1


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_requests_in_a_row_are_answered_in_order_however_they_are_cut(size: int) -> None:
    text = b"".join(post(b"%d" % number, b"/%d" % number) for number in range(5)) + CLOSING
    rig = Rig(echo)
    out = await rig.feed(*(text[at : at + size] for at in range(0, len(text), size)))
    expected = b"".join(answer(b"POST /%d %d" % (number, number)) for number in range(5))
    assert out == expected + answer(b"GET / ", close=True)
    assert rig.transport.ended == "closed"


async def test_the_next_request_waits_for_the_answer_before_it() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET + post(b"x"))
    assert len(held.calls) == 1
    await whole(held.calls[0].send, b"one")
    await steps()
    assert len(held.calls) == 2  # although the first application has not returned
    await whole(held.calls[1].send, b"two")
    assert rig.transport.out == answer(b"one") + answer(b"two")
    assert len(rig.listener.running) == 2
    for call in held.calls:
        call.over.set()
    await steps()
    assert not rig.listener.running


async def test_many_requests_in_a_row_hold_the_client_back() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET * 20)
    assert not rig.transport.reading
    for number in range(20):
        await whole(held.calls[number].send, b"")
        await steps()
    assert rig.transport.reading


async def test_a_body_that_nobody_reads_holds_the_client_back() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(post(b"")[:-21] + b"content-length: 1000000\r\n\r\n")
    await rig.feed(b"a" * HIGH_WATER)
    assert not rig.transport.reading
    (call,) = held.calls
    assert await call.receive() == {
        "type": "http.request",
        "body": b"a" * HIGH_WATER,
        "more_body": True,
    }
    assert rig.transport.reading


async def test_a_body_in_tiny_chunks_holds_the_client_back_too() -> None:
    rig = Rig(Held())
    await rig.feed(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    await rig.feed(b"1\r\nx\r\n" * 10_000)
    assert not rig.transport.reading


async def test_a_body_that_nobody_read_is_gone_when_the_next_request_comes() -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await whole(send, scope["raw_path"])

    rig = Rig(deaf)
    assert await rig.feed(post(b"x" * 1000, b"/a") + post(b"", b"/b")) == answer(b"/a") + answer(
        b"/b"
    )
    # Short, and still on its way when the answer goes out: the connection is kept.
    first = post(b"x" * 1000, b"/c")
    assert await rig.feed(first[:-500]) == answer(b"/c")
    assert await rig.feed(first[-500:] + post(b"", b"/d")) == answer(b"/d")
    assert not rig.transport.ended


async def test_a_long_body_that_nobody_wants_is_read_for_a_moment_and_no_longer() -> None:
    rig = Rig(lambda scope, receive, send: whole(send, b"no", 413))
    out = await rig.feed(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n")
    assert b"connection: close" in out
    assert rig.transport.said_eof
    assert not rig.transport.ended
    assert await rig.feed(b"x" * 10**6) == b""
    assert rig.transport.reading
    rig.connection.expire(rig.listener.loop.time())
    assert rig.transport.ended == "aborted"


async def test_a_client_that_waits_for_a_word_gets_it_when_the_body_is_asked_for() -> None:
    held = Held()
    rig = Rig(held)
    text = post(b"hi", b"/", b"expect: 100-continue")
    assert await rig.feed(text[:-2]) == b""
    asked = asyncio.create_task(body_of(held.calls[0].receive))
    await steps()
    assert rig.transport.out == b"HTTP/1.1 100 Continue\r\n\r\n"
    await rig.feed(text[-2:])
    assert await asked == b"hi"
    await whole(held.calls[0].send, b"")
    assert not rig.transport.ended


async def test_who_is_answered_without_that_word_must_not_send_another_request() -> None:
    rig = Rig(lambda scope, receive, send: whole(send, b"no", 401))
    out = await rig.feed(post(b"hi", b"/", b"expect: 100-continue")[:-2])
    assert out.startswith(
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nserver: jano\r\nconnection: close"
    )
    assert rig.transport.said_eof


async def test_what_is_not_http_gets_a_short_answer() -> None:
    rig = Rig(echo)
    out = await rig.feed(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert out.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain")
    assert rig.transport.said_eof
    rig.connection.eof_received()
    assert await rig.feed(GET) == b""


async def test_rubbish_behind_a_request_is_answered_after_it() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET + b"rubbish\r\n")
    assert rig.transport.out == b""
    await whole(held.calls[0].send, b"")
    await steps()
    assert rig.transport.out.startswith(answer(b"") + b"HTTP/1.1 400 ")


async def test_that_is_so_in_a_crowd_too() -> None:
    held = Held()
    rig = Rig(held)
    for number in range(CROWD + 2):
        await rig.feed(GET)
        await whole(held.calls[number].send, b"")  # and the application goes on for a while
        await steps()
    before = len(rig.transport.out)
    await rig.feed(GET + b"rubbish\r\n")
    await whole(held.calls[-1].send, b"last")
    await steps()
    assert rig.transport.out[before:].startswith(answer(b"last") + b"HTTP/1.1 400 ")


@pytest.mark.parametrize("begun", [True, False])
async def test_a_body_that_breaks_ends_its_request(begun: bool) -> None:
    gone: list[bool] = []
    held = Held()
    rig = Rig(held)
    await rig.feed(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
    (call,) = held.calls
    call.scope["extensions"]["jano.hangup"](lambda: gone.append(True))
    if begun:
        await head(call.send)
    await rig.feed(b"x\r\n")
    assert gone == [True]
    assert await call.receive() == {"type": "http.disconnect"}
    assert rig.transport.out.startswith(OK if begun else b"HTTP/1.1 400 ")
    assert rig.transport.ended == ("closed" if begun else "")
    await body(call.send, b"void")
    call.over.set()
    await steps()
    assert b"void" not in rig.transport.out


async def test_a_request_whose_body_breaks_while_it_waits_never_begins() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET + b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n")
    await whole(held.calls[0].send, b"")
    await steps()
    assert len(held.calls) == 1
    assert rig.transport.out.startswith(answer(b"") + b"HTTP/1.1 400 ")


async def test_the_idle_and_the_slow_are_closed() -> None:
    rig = Rig(echo)
    fresh = rig.connection.due
    await rig.feed(GET)
    await rig.feed(GET[:10])
    slow = rig.connection.due
    await rig.feed(GET[10:20])
    assert rig.connection.due == slow < fresh  # bytes now and then win no time
    rig.connection.expire(slow)
    assert rig.transport.ended == "closed"


@pytest.mark.parametrize("parts", [(GET + GET[:10],), (GET, GET[:10])])
async def test_a_head_that_begins_behind_another_request_has_no_more_time(
    parts: tuple[bytes, ...],
) -> None:
    held = Held()
    rig = Rig(held)
    idle = rig.connection.due
    for part in parts:
        await rig.feed(part)
    await whole(held.calls[0].send, b"")
    assert rig.connection.due < idle


async def test_who_takes_its_last_bytes_slowly_may() -> None:
    rig = Rig(echo)
    await rig.feed(CLOSING)
    for rig.transport.unsent in (3000, 2000, 1000):
        rig.transport.ended = ""
        rig.connection.expire(0)
        assert not rig.transport.ended
    rig.connection.expire(0)
    assert rig.transport.ended == "aborted"


async def test_while_a_request_runs_nothing_is_due() -> None:
    rig = Rig(Held())
    await rig.feed(GET)
    assert rig.connection.due == float("inf")


async def test_stopping_closes_the_idle_and_serves_the_others() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET)
    rig.listener.stop()
    await whole(held.calls[0].send, b"")
    assert rig.transport.out == answer(b"", close=True)
    other = Rig(held)
    await other.feed(GET[:10])
    other.listener.stop()
    await other.feed(GET[10:])
    await whole(held.calls[1].send, b"")
    assert other.transport.out == answer(b"", close=True)


async def test_random_cuts_and_random_applications() -> None:
    """Seeded: many requests of all kinds, cut anywhere; what is answered is what was sent."""
    dice = random.Random(20261121)
    for _ in range(60):
        expected, text = b"", b""
        for number in range(dice.randrange(1, 8)):
            content, path = dice.randbytes(dice.randrange(300)), b"/%d" % number
            if dice.random() < 0.5:
                pieces = [content[at : at + 50] for at in range(0, len(content), 50)]
                chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
                text += b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" % path
                text += chunks + b"0\r\n\r\n"
            else:
                text += post(content, path)
            expected += answer(b"POST %b " % path + content)
        cuts = sorted(dice.sample(range(1, len(text)), min(9, len(text) - 1)))
        rig = Rig(echo)
        out = await rig.feed(*(text[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)))
        assert out == expected


async def test_an_application_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["raw_path"] == b"/late":
            await head(send)
            await body(send, b"part", more=True)
        if scope["raw_path"] != b"/silent":
            raise ValueError("of the application")

    rig = Rig(failing)
    assert (await rig.feed(GET)).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert rig.transport.said_eof
    rig = Rig(failing)
    assert (await rig.feed(post(b"", b"/silent"))).startswith(b"HTTP/1.1 500 ")
    rig = Rig(failing)
    out = await rig.feed(post(b"", b"/late"))
    assert out.endswith(b"\r\n\r\n4\r\npart\r\n")
    assert rig.transport.ended == "closed"
    assert caplog.text.count("ValueError: of the application") == 2


async def test_an_application_that_is_cancelled() -> None:
    rig = Rig(Held())
    await rig.feed(GET)
    (turn,) = rig.listener.running
    assert turn.task is not None
    turn.task.cancel()
    await steps()
    assert rig.transport.out.startswith(b"HTTP/1.1 500 ")
    assert not rig.listener.running


async def test_the_end_of_the_client_is_told_at_once() -> None:
    for end in ("eof", "lost"):
        gone: list[int] = []
        held = Held()
        rig = Rig(held)
        await rig.feed(post(b"hi"))
        (call,) = held.calls
        assert (await call.receive())["body"] == b"hi"
        hangup = call.scope["extensions"]["jano.hangup"]
        hangup(lambda: gone.append(1))  # noqa: B023
        hangup(lambda: gone.append(2))  # noqa: B023
        waiting = [asyncio.create_task(call.receive()) for _ in range(2)]  # type: ignore[arg-type]
        await steps()
        if end == "eof":
            rig.connection.eof_received()
        else:
            rig.connection.connection_lost(None)
        assert gone == [2]
        assert [await each for each in waiting] == [{"type": "http.disconnect"}] * 2
        if end == "eof":
            rig.connection.connection_lost(None)
        hangup(lambda: gone.append(3))  # noqa: B023
        assert gone == [2, 3]
        await whole(call.send, b"void")
        assert rig.transport.out == b""
        call.over.set()
        await steps()
        assert not rig.listener.running
        assert not rig.listener.connections


async def test_who_has_everything_may_go() -> None:
    gone: list[int] = []
    held = Held()
    rig = Rig(held)
    await rig.feed(GET)
    (call,) = held.calls
    call.scope["extensions"]["jano.hangup"](lambda: gone.append(1))
    await head(call.send, 200, (b"content-length", b"2"))
    await body(call.send, b"hi", more=True)
    await rig.hang_up()
    await body(call.send)
    assert gone == []


async def test_receive_after_the_answer() -> None:
    got: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        waiting = asyncio.create_task(body_of(receive))
        await waiting
        late = asyncio.create_task(receive())  # type: ignore[arg-type]
        await steps()
        await whole(send, b"")
        got.append(await late)
        got.append(await receive())

    rig = Rig(application)
    await rig.feed(GET)
    await steps(20)
    assert got == [{"type": "http.disconnect"}] * 2


async def test_sending_waits_only_for_a_slow_client() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(GET)
    (call,) = held.calls
    await head(call.send)
    await body(call.send, b"a", more=True)
    rig.connection.pause_writing()
    slow = asyncio.create_task(body(call.send, b"b", more=True))
    await steps()
    assert not slow.done()
    rig.connection.resume_writing()
    await slow
    rig.connection.pause_writing()
    slow = asyncio.create_task(body(call.send, b"b", more=True))
    await steps()
    await rig.hang_up()
    await slow
