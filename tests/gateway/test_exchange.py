"""A request's way through the whole house: waiting, signs of life, answers of every kind."""

from __future__ import annotations

import json

import anyio
import pytest

from jano_core.testing.playhouse import Actor, Says, playhouse
from tests.gateway.scripts import CHAT, EVENTS, asks, in_turn, streams

pytestmark = pytest.mark.anyio


async def test_an_answer_comes_as_the_server_gave_it() -> None:
    said = Says(
        status=418,
        headers=((b"Content-Type", b"x/y"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")),
        chunks=(b"one", b"two", b"three"),
        every=1.0,
    )
    async with playhouse(Actor("chat", script=lambda heard: said)) as stage:
        async with stage.client.open("POST", CHAT, body=asks("chat")) as call:
            assert await call.head() == 418
            assert await call.chunks() == [b"one", b"two", b"three"]
        assert call.headers["content-type"] == "x/y"
        assert call.headers["x-jano-model"] == "chat"
        assert call.headers["x-jano-request-id"] == "1"
        assert call.headers["x-jano-queue-ms"].isdigit()
        assert call.headers["x-jano-swap-ms"].isdigit()


async def test_a_chunk_is_passed_on_when_it_comes() -> None:
    script = streams(b"data: 1\n\n", b"data: 2\n\n", every=5.0)
    async with (
        playhouse(Actor("chat", script=lambda heard: script)) as stage,
        stage.client.open("POST", CHAT, body=asks("chat", stream=True)) as call,
    ):
        await call.head()
        assert call.headers["x-accel-buffering"] == "no"
        assert await call.chunk() == b"data: 1\n\n"
        began = anyio.current_time()
        assert await call.chunk() == b"data: 2\n\n"
        assert anyio.current_time() - began == pytest.approx(5.0)
        assert await call.chunk() == b""


async def test_a_waiting_stream_is_told_its_position() -> None:
    chat = Actor("chat", "parallel = 1", script=in_turn(Says(first=40.0), streams(b"data: x\n\n")))
    async with (
        playhouse(chat) as stage,
        stage.client.open("POST", CHAT, body=asks("chat")),
        stage.client.open("POST", CHAT, body=asks("chat", stream=True)) as waits,
    ):
        began = anyio.current_time()
        assert await waits.head() == 200
        assert anyio.current_time() - began == pytest.approx(15.0)
        assert waits.headers["content-type"] == "text/event-stream"
        assert "x-jano-queue-ms" not in waits.headers
        said = await waits.chunks()
    assert said[-1] == b"data: x\n\n"
    assert len(said) == 3
    assert all(sign.startswith(b": jano waiting position=1 eta=") for sign in said[:-1])


async def test_who_waits_again_after_a_head_without_a_body_is_told_so() -> None:
    broken = Says(first=5.0, chunks=(), breaks=True)
    chat = Actor("chat", script=in_turn(broken, streams(b"data: x\n\n")))
    config = '[server]\nkeepalive = "10s"'
    async with playhouse(chat, config=config) as stage, anyio.create_task_group() as tasks:
        await stage.jano.dispatcher.steward.load("chat")
        async with stage.client.open("POST", CHAT, body=asks("chat", stream=True)) as call:
            await anyio.sleep(1)
            chat.load_s = anyio.current_time() + 30  # for the server that takes the old one's place
            tasks.start_soon(stage.jano.dispatcher.steward.unload, "chat")
            await call.head()
            said = await call.chunks()
    assert [sign.startswith(b": jano waiting") for sign in said] == [True, True, True, False]


async def test_a_client_that_does_not_stream_is_told_nothing() -> None:
    chat = Actor("chat", load_s=100.0)
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat"))
    assert (call.status, body) == (200, b"{}")
    assert int(call.headers["x-jano-swap-ms"]) >= 100_000


async def test_keepalive_can_be_switched_off() -> None:
    chat = Actor("chat", load_s=100.0, script=lambda heard: streams(b"data: x\n\n"))
    async with playhouse(chat, config='[server]\nkeepalive = "0s"') as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    assert body == b"data: x\n\n"


async def test_anthropic_clients_get_pings() -> None:
    chat = Actor("chat", load_s=20.0, script=lambda heard: streams(b"data: x\n\n"))
    async with playhouse(chat) as stage:
        _, body = await stage.client.ask("POST", "/v1/messages", asks("chat", stream=True))
    assert body == b'event: ping\ndata: {"type": "ping"}\n\ndata: x\n\n'


async def test_a_silent_stream_gets_signs_only_between_events() -> None:
    script = streams(b"data: 1\r\n", b"\r\n", b"data: 2\n\n", every=40.0)
    async with (
        playhouse(Actor("chat", script=lambda heard: script)) as stage,
        stage.client.open("POST", CHAT, body=asks("chat", stream=True)) as call,
    ):
        await call.head()
        assert await call.chunks() == [
            b"data: 1\r\n",
            b"\r\n",
            b": jano working\n\n",
            b": jano working\n\n",
            b"data: 2\n\n",
        ]


async def test_nothing_is_put_into_a_silent_answer_of_another_kind() -> None:
    script = Says(chunks=(b'{"a":', b"1}"), every=100.0)
    async with playhouse(Actor("chat", script=lambda heard: script)) as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    assert body == b'{"a":1}'


async def test_loading_shows_as_reasoning_where_that_is_wanted() -> None:
    chat = Actor(
        "chat", "loading_state = true", load_s=5.0, script=lambda heard: streams(b"data: x\n\n")
    )
    async with playhouse(chat) as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    first, *_, last = [line[6:] for line in body.split(b"\n\n") if line]
    delta = json.loads(first)["choices"][0]["delta"]
    assert delta == {"reasoning_content": "Loading chat\n"}
    assert last == b"x"


async def test_an_early_head_and_a_document() -> None:
    script = Says(first=20.0, chunks=(b'{"a":\r\n', b" 1}\n"))
    async with playhouse(Actor("chat", script=lambda heard: script)) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    assert call.headers["content-type"] == "text/event-stream"
    sign, event = body.split(b"\n\n", 1)
    assert sign == b": jano working"
    assert json.loads(event.removeprefix(b"data: ")) == {"a": 1}
    assert event.endswith(b"\n\n")


async def test_an_early_head_and_the_server_s_own_error() -> None:
    text = b'{"error":{"message":"context too long"}}'
    script = Says(status=400, first=20.0, chunks=(text,))
    async with playhouse(Actor("chat", script=lambda heard: script)) as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    error = json.loads(body.split(b"data: ", 1)[1])["error"]
    assert error["message"] == "the server of chat answered 400: context too long"
    assert error["type"] == "invalid_request_error"


async def test_an_early_head_asks_for_no_compression() -> None:
    chat = Actor("chat", load_s=20.0, script=lambda heard: streams(b"data: x\n\n"))
    gzip = {"accept-encoding": "gzip"}
    async with playhouse(chat) as stage:
        await stage.client.ask("POST", CHAT, asks("chat", stream=True), gzip)
        await stage.client.ask("POST", CHAT, asks("chat", stream=True), gzip)
    assert [heard.header(b"accept-encoding") for heard in chat.heard] == [b"identity", b"gzip"]


async def test_a_compressed_answer_to_an_early_head_is_an_error() -> None:
    head = (*EVENTS, (b"content-encoding", b"gzip"))
    script = Says(headers=head, first=20.0, chunks=(b"\x1f\x8b",))
    async with playhouse(Actor("chat", script=lambda heard: script)) as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    assert json.loads(body.split(b"data: ", 1)[1])["error"]["code"] == "upstream_failed"


async def test_a_head_request_has_no_body_and_keeps_its_length() -> None:
    head = ((b"content-type", b"text/plain"), (b"content-length", b"300"))
    chat = Actor("chat", script=lambda heard: Says(headers=head, chunks=()))
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("HEAD", "/upstream/chat/file")
    assert (call.status, body) == (200, b"")
    assert call.headers["content-length"] == "300"
    assert chat.heard[0].method == "HEAD"
