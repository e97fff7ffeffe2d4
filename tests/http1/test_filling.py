"""A body that is put where it is wanted: the same bytes, and the same order of things around it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jano_core.http1.asgi import Receive, Scope, Send
from jano_core.http1.connection import HIGH_WATER
from tests.http1.rig import Held, Rig, body_of, echo, filling, head, post, steps, whole

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
BIG = post(b"")[:-21] + b"content-length: 1000000\r\n\r\n"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"/fill", b"/echo"]), st.binary(max_size=300)), max_size=5),
    st.lists(st.integers(0, 1500), max_size=20),
)
async def test_any_requests_cut_anywhere(
    requests: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (filling if scope["path"] == "/fill" else echo)(scope, receive, send)

    text = b"".join(post(body, path) for path, body in requests)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    rig = Rig(either)
    out = await rig.feed(*(text[a:b] for a, b in pairwise(places)))
    answers = [b"POST %b %b" % request for request in requests]
    assert out == b"".join(
        OK + b"content-length: %d\r\nserver: jano\r\n\r\n%b" % (len(text), text) for text in answers
    )
    assert not rig.transport.ended
    assert not rig.listener.running


async def test_who_was_held_back_may_go_on() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(BIG, b"a" * (HIGH_WATER + 1))
    assert not rig.transport.reading
    place = bytearray(1_000_000)
    (call,) = held.calls
    filled = asyncio.create_task(call.scope["extensions"]["jano.fill"](memoryview(place)))
    await steps()
    assert rig.transport.reading
    rest = b"b" * (1_000_000 - HIGH_WATER - 1)
    await rig.feed(rest + post(b"next"))
    assert await filled
    assert bytes(place) == b"a" * (HIGH_WATER + 1) + rest
    await whole(call.send, b"")
    await steps()
    assert await body_of(held.calls[1].receive) == b"next"


async def test_a_client_that_waits_for_a_word_gets_it() -> None:
    rig = Rig(filling)
    text = post(b"hi", b"/", b"expect: 100-continue")
    assert await rig.feed(text[:-2]) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await rig.feed(text[-2:])).endswith(b"\r\n\r\nPOST / hi")
    assert not rig.transport.ended


async def test_a_client_that_tried_another_protocol_first() -> None:
    rig = Rig(filling)
    text = post(b"x" * 100, b"/", b"connection: upgrade", b"upgrade: h2c")
    assert (await rig.feed(text[:-90], text[-90:] + post(b"next"))).endswith(b"POST / next")
    assert rig.transport.out.count(b"x" * 100) == 1


async def test_a_client_of_old() -> None:
    rig = Rig(filling)
    text = post(b"x" * 100).replace(b"1.1", b"1.0")
    assert (await rig.feed(text[:-50], text[-50:])).endswith(b"x" * 100)
    assert rig.transport.ended == "closed"


async def test_a_client_that_leaves_in_the_middle() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(BIG + b"a")
    (call,) = held.calls
    place = bytearray(1_000_000)
    filled = asyncio.create_task(call.scope["extensions"]["jano.fill"](memoryview(place)))
    await rig.feed(b"a" * 1000)
    protocol = rig.transport.protocol
    assert isinstance(protocol, asyncio.BufferedProtocol)
    protocol.eof_received()
    assert rig.transport.ended == "aborted"
    assert not await filled
    await rig.hang_up()
    assert await call.receive() == {"type": "http.disconnect"}


async def test_after_the_body_comes_the_end_of_the_client() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(post(b"text"))
    (call,) = held.calls
    assert await call.scope["extensions"]["jano.fill"](memoryview(bytearray(4)))
    message = asyncio.create_task(call.receive())
    await steps()
    assert not message.done()
    await rig.hang_up()
    assert await message == {"type": "http.disconnect"}
    assert not rig.listener.connections


async def test_an_answer_before_the_body_has_come() -> None:
    """Whoever wanted it is gone; it is read to its end, and the next request is understood."""
    held = Held()
    rig = Rig(held)
    await rig.feed(post(b"x" * 100)[:-50])
    (call,) = held.calls
    filled = asyncio.create_task(call.scope["extensions"]["jano.fill"](memoryview(bytearray(100))))
    await steps()
    await whole(call.send, b"enough")
    assert not await filled
    await rig.feed(b"x" * 50 + post(b"next"))
    assert await body_of(held.calls[1].receive) == b"next"
    assert not rig.transport.ended


async def test_an_application_that_is_cancelled_in_the_middle() -> None:
    rig = Rig(filling)
    await rig.feed(BIG + b"x")
    (turn,) = rig.listener.running
    assert turn.task is not None
    turn.task.cancel()
    await steps()
    assert rig.transport.out.startswith(b"HTTP/1.1 500 ")
    before = rig.transport.out
    await rig.feed(b"x" * 999_999 + post(b"next"))
    assert rig.transport.out == before  # nothing behind it is answered
    rig.connection.expire(rig.listener.loop.time())
    assert rig.transport.ended == "aborted"


async def test_stopping_lets_the_body_come() -> None:
    rig = Rig(filling)
    text = post(b"x" * 100)
    await rig.feed(text[:-50])
    rig.listener.stop()
    out = await rig.feed(text[-50:])
    assert b"connection: close\r\n" in out
    assert out.endswith(b"x" * 100)
    assert rig.transport.said_eof


async def test_nobody_keeps_the_place() -> None:
    class Place(bytearray):
        """One that can be watched."""

    places: list[weakref.ref[Place]] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        place = Place(1000)
        places.append(weakref.ref(place))
        await scope["extensions"]["jano.fill"](memoryview(place))
        await head(send)

    rig = Rig(application)
    gc.disable()
    try:
        await rig.feed(post(b"x" * 1000)[:-500], b"x" * 500)
        assert [place() for place in places] == [None]
    finally:
        gc.enable()
