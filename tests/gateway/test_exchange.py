"""A request's way through the whole house: waiting, signs of life, answers, ends of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from jano_core.testing.asgi_client import Truncated
from jano_core.testing.playhouse import Actor, Heard, Says, playhouse

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
EVENTS = ((b"content-type", b"text/event-stream"),)


def asks(model: str, **more: object) -> bytes:
    return json.dumps({"model": model, **more}).encode()


def streams(*chunks: bytes, **more: Any) -> Says:
    return Says(headers=EVENTS, chunks=chunks, **more)


def in_turn(*answers: Says) -> Callable[[Heard], Says]:
    rest = list(answers)
    return lambda heard: rest.pop(0)


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


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Says(status=0, breaks=True), id="before its head"),
        pytest.param(Says(chunks=(), breaks=True), id="after its head"),
        pytest.param(streams(breaks=True), id="after the head of a stream"),
    ],
)
async def test_a_server_that_breaks_before_a_byte_is_asked_again(broken: Says) -> None:
    chat = Actor("chat", script=in_turn(broken, streams(b"data: x\n\n")))
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
        assert (call.status, body) == (200, b"data: x\n\n")
        assert chat.heard[0].body == chat.heard[1].body
        assert stage.jano.busy() == 0


async def test_the_second_break_is_the_client_s_to_know() -> None:
    chat = Actor("chat", script=lambda heard: Says(status=0, breaks=True))
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat"))
        assert (call.status, json.loads(body)["error"]["code"]) == (502, "upstream_failed")
        assert len(chat.heard) == 2


async def test_a_stream_that_breaks_ends_with_an_error() -> None:
    script = streams(b"data: 1\n\n", b'data: {"half', breaks=True)
    async with playhouse(Actor("chat", script=lambda heard: script)) as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
        records = (await stage.client.ask("GET", "/usage"))[1]
    whole, half, error = body.rstrip(b"\n").split(b"\n\n")
    assert (whole, half) == (b"data: 1", b'data: {"half')
    assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "upstream_failed"
    assert json.loads(records)["records"][0]["outcome"] == "failed"


async def test_a_document_that_breaks_is_cut() -> None:
    script = Says(chunks=(b'{"half',), breaks=True)
    async with (
        playhouse(Actor("chat", script=lambda heard: script)) as stage,
        stage.client.open("POST", CHAT, body=asks("chat")) as call,
    ):
        assert await call.head() == 200
        assert await call.chunk() == b'{"half'
        with pytest.raises(Truncated):
            await call.chunk()


async def test_a_server_without_a_first_byte_counts_as_crashed() -> None:
    chat = Actor("chat", 'first_byte_timeout = "60s"')
    chat.script = in_turn(Says(status=0, hangs=True), Says())
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat"))
        assert (call.status, body) == (200, b"{}")
        status = json.loads((await stage.client.ask("GET", "/status"))[1])
    assert "no first byte within 1m00s" in status["models"]["chat"]["lastError"]
    assert chat.left == 1


async def test_a_stream_that_falls_silent_ends_with_an_error() -> None:
    script = streams(b"data: 1\n\n", hangs=True)
    chat = Actor("chat", 'silence_timeout = "40s"', script=lambda heard: script)
    async with playhouse(chat) as stage:
        began = anyio.current_time()
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
        assert anyio.current_time() - began == pytest.approx(40.0, abs=1.0)
    assert body.startswith(b"data: 1\n\n: jano working\n\n: jano working\n\ndata: ")
    assert "hung: silent for 40s" in json.loads(body.rpartition(b"data: ")[2])["error"]["message"]


async def test_a_slow_but_steady_stream_is_not_taken_for_a_hung_one() -> None:
    script = streams(*[b"data: x\n\n"] * 20, every=39.0)
    chat = Actor("chat", 'silence_timeout = "40s"\nfirst_byte_timeout = "40s"')
    chat.script = lambda heard: script
    async with playhouse(chat, config='[server]\nkeepalive = "0s"') as stage:
        _, body = await stage.client.ask("POST", CHAT, asks("chat", stream=True))
    assert body == b"data: x\n\n" * 20


async def test_the_total_limit_ends_a_request_and_not_its_server() -> None:
    chat = Actor("chat", 'total_timeout = "30s"', script=lambda heard: Says(first=100.0))
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("POST", CHAT, asks("chat"))
        assert (call.status, json.loads(body)["error"]["code"]) == (504, "upstream_timeout")
        assert stage.jano.dispatcher.snapshot().models["chat"].state == "ready"
        assert chat.open == 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("after", [0.0, 3.0, 12.0, 17.0, 22.0])
async def test_a_client_that_hangs_up_leaves_nothing_behind(after: float, stream: bool) -> None:
    """While the model loads (to 10 s), before the head (to 15 s) and in the body (to 25 s)."""
    script = streams(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", first=5.0, every=5.0)
    chat = Actor("chat", load_s=10.0, script=lambda heard: script)
    async with playhouse(chat) as stage:
        async with stage.client.open("POST", CHAT, body=asks("chat", stream=stream)) as call:
            await anyio.sleep(after)
            await call.hang_up()
            await anyio.sleep(0.001)
            assert (chat.open, stage.jano.busy()) == (0, 0)
        record = json.loads((await stage.client.ask("GET", "/usage"))[1])["records"][0]
        assert (record["status"], record["outcome"]) == (499, "left")
        assert chat.left == (1 if after > 10 else 0)


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_was_never_there() -> None:
    chat = Actor("chat")
    async with playhouse(chat) as stage:
        async with stage.client.open("POST", CHAT, body=None) as call:
            await call.send(b'{"model":')
            await call.hang_up()
        assert stage.jano.busy() == 0
        assert json.loads((await stage.client.ask("GET", "/usage"))[1])["count"] == 0


async def test_a_client_gone_with_the_last_byte_was_served() -> None:
    """Some servers report the client as gone as soon as it has all that was announced."""
    head = ((b"content-type", b"text/plain"), (b"content-length", b"2"))
    said = Says(headers=head, chunks=(b"o", b"k", b""), every=1.0)
    chat = Actor("chat", script=lambda heard: said)
    async with playhouse(chat) as stage:
        async with stage.client.open("POST", CHAT, body=asks("chat")) as call:
            await call.head()
            assert [await call.chunk(), await call.chunk()] == [b"o", b"k"]
            await call.hang_up()
            assert chat.open == 1
        record = json.loads((await stage.client.ask("GET", "/usage"))[1])["records"][0]
    assert record["outcome"] == "served"
    assert chat.left == 0


@pytest.mark.parametrize("after", [3.0, 12.0])
async def test_a_person_cancels_a_request(after: float) -> None:
    chat = Actor("chat", load_s=10.0, script=lambda heard: Says(first=5.0))
    async with playhouse(chat) as stage:
        async with stage.client.open("POST", CHAT, body=asks("chat")) as call:
            await anyio.sleep(after)
            cancelled, _ = await stage.client.ask("POST", "/api/inflight/1/cancel")
            assert cancelled.status == 200
            body = await call.answer()
        assert call.status == 499
        assert json.loads(body)["error"]["code"] == "request_cancelled"
        assert (chat.open, stage.jano.busy()) == (0, 0)
        again, _ = await stage.client.ask("POST", "/api/inflight/1/cancel")
        assert again.status == 404


async def test_a_head_request_has_no_body_and_keeps_its_length() -> None:
    head = ((b"content-type", b"text/plain"), (b"content-length", b"300"))
    chat = Actor("chat", script=lambda heard: Says(headers=head, chunks=()))
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("HEAD", "/upstream/chat/file")
    assert (call.status, body) == (200, b"")
    assert call.headers["content-length"] == "300"
    assert chat.heard[0].method == "HEAD"
