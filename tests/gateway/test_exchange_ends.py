"""How a request ends when it does not end well: broken and hung servers, clients that leave."""

from __future__ import annotations

import json

import anyio
import pytest

from jano_core.testing.asgi_client import Truncated
from jano_core.testing.playhouse import Actor, Says, playhouse
from tests.gateway.scripts import CHAT, asks, in_turn, streams

pytestmark = pytest.mark.anyio


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
        error = json.loads(body)["error"]
        assert (call.status, error["code"]) == (502, "upstream_failed")
        assert "the second time it broke off: " in error["message"]
        telemetry = stage.jano.telemetry
        (told,) = telemetry.ledger.usage()["records"]
        assert (told["outcome"], told["queue_ms"] is None) == ("failed", False)
        status = telemetry.ledger.status(stage.jano.dispatcher.snapshot())
        assert (status["errorsLast15m"], status["backendHealth"]["chat"]) == (1, "down")
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
