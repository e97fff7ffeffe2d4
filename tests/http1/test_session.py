"""WebSockets without a network: the handshake, messages, closes, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jano_core.http1.asgi import Receive, Scope, Send
from jano_core.http1.session import HIGH_WATER, MAX_MESSAGE
from jano_core.websocket_frames import Frame, FrameParser, Opcode, encode
from tests.http1.rig import Held, Rig, steps

pytestmark = pytest.mark.anyio

ASK = (
    b"GET /ws?a=b HTTP/1.1\r\nhost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n"


def client(opcode: Opcode, payload: bytes = b"") -> bytes:
    return encode(opcode, payload, masked=True)


def closing(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


def frames(out: bytes) -> list[Frame]:
    return list(FrameParser(MAX_MESSAGE, masked=False).feed(out))


async def accepted(**more: Any) -> tuple[Rig, Held]:
    held = Held()
    rig = Rig(held)
    await rig.feed(ASK + b"\r\n")
    (call,) = held.calls
    assert await call.receive() == {"type": "websocket.connect"}
    await call.send({"type": "websocket.accept"} | more)
    return rig, call


async def close(send: Send, code: int, reason: str) -> None:
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def test_the_handshake() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(ASK + b"sec-websocket-protocol: a, b\r\nsec-websocket-protocol: c\r\n\r\n")
    (call,) = held.calls
    assert (call.scope["type"], call.scope["scheme"]) == ("websocket", "ws")
    assert call.scope["subprotocols"] == ["a", "b", "c"]
    assert "method" not in call.scope
    assert "websocket.http.response" in call.scope["extensions"]
    await call.send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x", b"y")]})
    assert rig.transport.out == (
        SWITCHED + b"upgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx: y\r\n"
        b"sec-websocket-protocol: b\r\n\r\n"
    )
    assert rig.connection.due == float("inf")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (ASK.replace(b": 13", b": 8") + b"\r\n", 426),
        (ASK.replace(b"GET", b"POST") + b"\r\n", 400),
        (ASK.replace(b"==", b"") + b"\r\n", 400),
        (ASK + b"content-length: 2\r\n\r\nhi", 400),
    ],
)
async def test_what_is_no_handshake_is_not_asked(text: bytes, status: int) -> None:
    held = Held()
    rig = Rig(held)
    out = await rig.feed(text)
    assert out.startswith(b"HTTP/1.1 %d " % status)
    assert not held.calls
    assert not rig.listener.running
    assert rig.transport.ended


async def test_messages_both_ways() -> None:
    rig, call = await accepted()
    await call.send({"type": "websocket.send", "text": "ü"})
    await call.send({"type": "websocket.send", "bytes": b"\0" * 70_000})
    out = rig.transport.out.partition(b"\r\n\r\n")[2]
    expected = [Frame(Opcode.TEXT, "ü".encode()), Frame(Opcode.BINARY, b"\0" * 70_000)]
    assert frames(out) == expected
    text = client(Opcode.TEXT, "caf\u00e9".encode()) + client(Opcode.BINARY, b"\1")
    await rig.feed(*(text[at : at + 1] for at in range(len(text))))
    assert await call.receive() == {"type": "websocket.receive", "text": "café"}
    assert await call.receive() == {"type": "websocket.receive", "bytes": b"\1"}
    assert frames(await rig.feed(client(Opcode.PING, b"hi"))) == [Frame(Opcode.PONG, b"hi")]


async def test_what_came_with_the_handshake_is_not_lost() -> None:
    held = Held()
    rig = Rig(held)
    await rig.feed(ASK + b"\r\n" + client(Opcode.TEXT, b"early"))
    (call,) = held.calls
    await call.receive()
    await call.send({"type": "websocket.accept"})
    assert await call.receive() == {"type": "websocket.receive", "text": "early"}


async def test_a_client_that_closes() -> None:
    rig, call = await accepted()
    out = await rig.feed(client(Opcode.TEXT, b"last") + client(Opcode.CLOSE, closing(4001, b"bye")))
    assert frames(out) == [Frame(Opcode.CLOSE, closing(4001))]
    assert rig.transport.ended == "closed"
    assert (await call.receive())["text"] == "last"
    gone = {"type": "websocket.disconnect", "code": 4001, "reason": "bye"}
    assert await call.receive() == await call.receive() == gone
    await close(call.send, 1000, "")  # too late, and no error


async def test_an_application_that_closes() -> None:
    rig, call = await accepted()
    before = len(rig.transport.out)
    await close(call.send, 4001, "bye")
    assert frames(rig.transport.out[before:]) == [Frame(Opcode.CLOSE, closing(4001, b"bye"))]
    assert not rig.transport.ended
    await rig.feed(client(Opcode.TEXT, b"crossing") + client(Opcode.CLOSE, closing(4001)))
    assert rig.transport.ended == "closed"


async def test_a_client_that_does_not_agree_to_a_close_is_cut() -> None:
    rig, call = await accepted()
    await close(call.send, 1000, "")
    assert rig.connection.due < float("inf")
    rig.connection.expire(rig.connection.due)
    assert rig.transport.ended == "aborted"


@pytest.mark.parametrize("end", ["eof_received", "connection_lost"])
async def test_a_client_that_is_lost(end: str) -> None:
    rig, call = await accepted()
    waiting = asyncio.create_task(call.receive())  # type: ignore[arg-type]
    await steps()
    getattr(rig.connection, end)(*([None] if end == "connection_lost" else []))
    assert await waiting == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    await call.send({"type": "websocket.send", "text": "void"})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (client(Opcode.TEXT, b"\xff"), 1007),
        (client(Opcode.CONTINUATION, b""), 1002),
        (encode(Opcode.TEXT, b"bare", masked=False), 1002),
        (b"\x82\xff" + (MAX_MESSAGE + 1).to_bytes(8, "big"), 1009),
        (client(Opcode.CLOSE, b"\1"), 1002),
        (client(Opcode.CLOSE, closing(1005)), 1002),
        (client(Opcode.CLOSE, closing(1000, b"\xff")), 1007),
    ],
)
async def test_a_client_that_breaks_the_protocol(sent: bytes, code: int) -> None:
    rig, call = await accepted()
    (frame,) = frames(await rig.feed(sent))
    assert (frame.opcode, frame.payload[:2]) == (Opcode.CLOSE, closing(code))
    assert rig.transport.ended == "closed"
    assert (await call.receive())["code"] == code


async def test_messages_that_nobody_takes_hold_the_client_back() -> None:
    rig, call = await accepted()
    await rig.feed(client(Opcode.BINARY, b"x" * HIGH_WATER))
    assert not rig.transport.reading
    await call.receive()
    assert rig.transport.reading


async def test_sending_waits_for_a_slow_client() -> None:
    rig, call = await accepted()
    rig.connection.pause_writing()
    slow = asyncio.create_task(call.send({"type": "websocket.send", "text": "x"}))  # type: ignore[arg-type]
    await steps()
    assert not slow.done()
    assert await rig.feed(client(Opcode.PING)) == b""  # pongs do not pile up
    rig.connection.resume_writing()
    await slow


async def test_a_refusal_without_words() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await close(send, 1008, "no")

    rig = Rig(refuse)
    assert (await rig.feed(ASK + b"\r\n")).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert rig.transport.ended == "closed"


async def test_a_refusal_with_an_answer() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": 404, "headers": [(b"content-length", b"2")]}
        await send({"type": "websocket.http.response.start"} | start)
        await send({"type": "websocket.http.response.body", "body": b"no"})

    rig = Rig(refuse)
    out = await rig.feed(ASK + b"\r\n")
    assert out == (
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n"
        b"server: jano\r\nconnection: close\r\n\r\nno"
    )
    assert rig.transport.ended == "closed"


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("fails", [True, False])
async def test_an_application_that_just_ends(accept: bool, fails: bool) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if accept:
            await send({"type": "websocket.accept"})
        if fails:
            raise ValueError

    rig = Rig(application)
    out = await rig.feed(ASK + b"\r\n")
    if accept:
        (frame,) = frames(out.partition(b"\r\n\r\n")[2])
        assert frame == Frame(Opcode.CLOSE, closing(1011 if fails else 1000))
    else:
        assert out.startswith(b"HTTP/1.1 500 ")
    assert not rig.listener.running
