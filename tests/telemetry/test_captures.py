"""Captures: bounded, redacted, and only where they were asked for."""

from __future__ import annotations

import base64
import json

import pytest

from jano_core.telemetry.activity import Activity
from jano_core.telemetry.activity_query import ActivityQuery
from jano_core.telemetry.captures import OVERHEAD, Captures
from jano_core.testing.playhouse import Actor, Says, playhouse

from .figures import ended

JSON = [(b"content-type", b"application/json")]


def exchange(captures: Captures, id: str, sent: bytes, said: bytes, headers: object = JSON) -> None:
    capture = captures.begin(id, "/v1/x", headers, sent)  # type: ignore[arg-type]
    assert capture is not None
    capture.answered(headers)  # type: ignore[arg-type]
    capture.feed(said)


def body(captures: Captures, number: int, which: str) -> bytes:
    found = captures.get(number)
    assert found is not None
    return base64.b64decode(found[which])


def test_off_unless_asked_for():
    assert Captures(0).begin("1", "/", JSON, b"x") is None


@pytest.mark.parametrize(
    "name",
    ["Proxy-Authorization", "Set-Cookie", "api-key", "X-Auth-Token", "x-goog-api-key", "api_key"],
)
def test_whatever_looks_like_a_secret_is_not_shown(name: str) -> None:
    captures = Captures(100_000)
    headers = [(name.encode(), b"s"), (b"x-ratelimit-limit-tokens", b"9")]
    exchange(captures, "7", b"question", b"answer", headers)
    captures.keep(1, ended("chat", id="7"))
    found = captures.get(1)
    assert found is not None
    assert found["req_headers"] == {name.lower(): "[redacted]", "x-ratelimit-limit-tokens": "9"}


def test_an_exchange_without_its_secrets():
    captures = Captures(100_000)
    headers = [(b"Authorization", b"Bearer s"), (b"x-API-key", b"s"), (b"a", b"1"), (b"a", b"2")]
    exchange(captures, "7", b"question", b"answer", headers)
    captures.keep(1, ended("chat", id="7"))
    assert captures.get(1) == {
        "id": 1,
        "req_path": "/v1/x",
        "req_headers": {
            "authorization": "[redacted]",
            "x-api-key": "[redacted]",
            "a": "1, 2",
        },
        "req_body": base64.b64encode(b"question").decode(),
        "req_cut": False,
        "resp_headers": {
            "authorization": "[redacted]",
            "x-api-key": "[redacted]",
            "a": "1, 2",
        },
        "resp_body": base64.b64encode(b"answer").decode(),
        "resp_cut": False,
        "error_msg": "",
    }
    assert captures.get(2) is None


def test_the_oldest_goes_when_the_budget_is_spent():
    captures = Captures(10 * (OVERHEAD + 100))
    for number in range(100):
        exchange(captures, str(number), b"q" * 50, b"a" * 50)
        captures.keep(number, ended("chat", id=str(number)))
    kept = [number for number in range(100) if number in captures]
    assert kept == [*range(90, 100)]


def test_a_long_body_is_cut():
    captures = Captures(40_000)
    exchange(captures, "1", b"q" * 11_000, b"a" * 9_000)
    captures.keep(1, ended("chat"))
    found = captures.get(1)
    assert found and (found["req_cut"], found["resp_cut"]) == (True, False)
    assert body(captures, 1, "req_body") == b"q" * 10_000
    assert body(captures, 1, "resp_body") == b"a" * 9_000


def test_without_room_nothing_is_kept_of_what_comes():
    captures = Captures(OVERHEAD + 100)
    exchange(captures, "1", b"", b"")
    assert captures.begin("2", "/", JSON, b"x") is None, "the first is still under way"


def test_sounds_and_pictures_are_not_kept():
    captures = Captures(100_000)
    for number, kind in enumerate((b"audio/wav", b"image/png", b"multipart/form-data; boundary=x")):
        exchange(captures, str(number), b"x", b"y", [(b"Content-Type", kind)])
        captures.keep(number, ended("chat", id=str(number)))
        assert body(captures, number, "req_body") == body(captures, number, "resp_body") == b""


def test_of_a_failed_exchange_the_question_is_kept():
    captures = Captures(100_000)
    exchange(captures, "1", b"question", b"half an ans")
    captures.keep(1, ended("chat", outcome="failed", status=502, error="e" * 900))
    found = captures.get(1)
    assert found and found["error_msg"] == "e" * 500
    assert body(captures, 1, "req_body") == b"question"
    assert body(captures, 1, "resp_body") == b""


def test_a_second_server_s_answer_takes_the_place_of_the_first():
    captures = Captures(100_000)
    capture = captures.begin("1", "/", JSON, b"q")
    assert capture is not None
    for said in (b"broken", b"whole"):
        capture.answered(JSON)
        capture.feed(said)
    captures.keep(1, ended("chat"))
    assert body(captures, 1, "resp_body") == b"whole"


def test_the_activity_log_says_which():
    captures = Captures(100_000)
    activity = Activity(captures=captures)
    exchange(captures, "a", b"q", b"a")
    activity.observe(ended("chat", id="a", content_type="text/plain"))
    activity.observe(ended("chat", id="b"))
    newest, oldest = activity.page(ActivityQuery())["data"]
    assert (newest["has_capture"], oldest["has_capture"]) == (False, True)
    assert oldest["resp_content_type"] == "text/plain"
    assert captures.get(oldest["id"])


@pytest.mark.anyio
async def test_who_is_refused_at_once_takes_no_room() -> None:
    async with playhouse(Actor("chat"), config='[telemetry]\ncapture = "1MiB"\n') as stage:
        headers = {"content-type": "application/json", "x-jano-no-swap": "1"}
        call, _ = await stage.client.ask("POST", "/v1/completions", b'{"model":"chat"}', headers)
        assert call.status == 409
        assert not stage.jano.telemetry.captures.open


@pytest.mark.anyio
async def test_calls_that_pass_beside_the_queue_take_no_room() -> None:
    draw = Actor("draw", 'backend = "comfyui"')
    async with playhouse(draw, config='[telemetry]\ncapture = "1MiB"\n') as stage:
        call, _ = await stage.client.ask("GET", "/upstream/draw/index.html")
        assert call.status == 200
        assert not stage.jano.telemetry.captures.open


@pytest.mark.anyio
async def test_a_reload_that_ends_capturing_forgets_what_was_captured() -> None:
    async with playhouse(Actor("chat"), config='[telemetry]\ncapture = "1MiB"\n') as stage:
        await stage.client.ask("POST", "/v1/completions", b'{"model":"chat"}')
        stage.config = stage.config.replace("1MiB", "0MiB")
        await stage.jano.reload()
        call, _ = await stage.client.ask("GET", "/api/captures/1")
        assert call.status == 404


def test_what_was_on_its_way_when_the_budget_shrank_is_kept_only_where_it_fits() -> None:
    captures = Captures(8 * OVERHEAD)
    capture = captures.begin("1", "/", JSON, b"x" * OVERHEAD)
    assert capture is not None
    captures.resize(0)
    capture.feed(b"y" * OVERHEAD)
    assert capture.answer.size == 0
    captures.keep(1, ended("chat", id="1"))
    assert 1 not in captures


@pytest.mark.anyio
async def test_over_http() -> None:
    said = Says(headers=JSON, chunks=(b'{"ans', b'wer":1}'))
    chat = Actor("chat", script=lambda heard: said)
    config = '[telemetry]\ncapture = "1MiB"\n'
    async with playhouse(chat, config=config) as stage:
        ask = stage.client.ask
        await ask("POST", "/v1/chat/completions", b'{"model":"chat"}', {"authorization": "s"})
        call, found = await ask("GET", "/api/captures/1")
        assert call.status == 200
        capture = json.loads(found)
        assert base64.b64decode(capture["req_body"]) == b'{"model":"chat"}'
        assert base64.b64decode(capture["resp_body"]) == b'{"answer":1}'
        assert capture["req_headers"]["authorization"] == "[redacted]"
        assert (await ask("GET", "/api/captures/2"))[0].status == 404
        for number in ("x", "-1", "1.5", "9" * 30):
            assert (await ask("GET", f"/api/captures/{number}"))[0].status == 400
        _, rows = await ask("GET", "/api/metrics/activity")
        assert json.loads(rows)["data"][0]["has_capture"] is True
