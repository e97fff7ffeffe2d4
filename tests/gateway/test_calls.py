"""Every way in: paths, bodies, errors row by row, and bytes that arrive as they were sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jano_core.errors import Refused
from jano_core.gateway.routes import MODEL_GET, MODEL_POST
from jano_core.testing.asgi_client import Client
from jano_core.testing.playhouse import Actor, Heard, Says, playhouse

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}


def form(model: str) -> bytes:
    return (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\n\0\xff\r\n'
        b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\n' + model.encode() + b"\r\n"
        b"--b--\r\n"
    )


def echo(heard: Heard) -> Says:
    return Says(headers=((b"content-type", b"x/echo"),), chunks=(heard.body,) if heard.body else ())


async def error_of(client: Client, *call: Any) -> tuple[int, dict[str, Any]]:
    connection, body = await client.ask(*call)
    return connection.status, json.loads(body)["error"]


async def test_every_model_endpoint() -> None:
    chat = Actor("chat", script=echo)
    async with playhouse(chat) as stage:
        for path in MODEL_POST:
            call, body = await stage.client.ask("POST", path + "?a=%20", b'{"model":"CHAT"}')
            assert (call.status, body) == (200, b'{"model":"CHAT"}')
            assert chat.heard[-1].target == path.encode() + b"?a=%20"
        for path in MODEL_GET:
            await stage.client.ask("GET", path + "?x=1&model=chat")
            assert chat.heard[-1].target == path.encode() + b"?x=1&model=chat"
        for path in ("/v/chat/completions", "/v/messages/count_tokens", "/v/embeddings"):
            await stage.client.ask("POST", path, b'{"model":"chat"}')
            assert chat.heard[-1].target == path[2:].encode()
        await stage.client.ask("GET", "/v/audio/voices?model=chat")
        assert chat.heard[-1].target == b"/audio/voices?model=chat"
        await stage.client.ask("POST", "/v1/audio/transcriptions", form("chat"), FORM)
        assert chat.heard[-1].body == form("chat")


async def test_the_name_that_the_server_expects() -> None:
    chat = Actor("chat", 'upstream_model = "org/Real Name"', script=echo)
    async with playhouse(chat) as stage:
        await stage.client.ask("POST", CHAT, b'{"a":1.0, "model": "chat"}')
        assert chat.heard[-1].body == b'{"a":1.0, "model": "org/Real Name"}'
        await stage.client.ask("POST", "/v1/audio/transcriptions", form("chat"), FORM)
        assert chat.heard[-1].body == form("org/Real Name")
        await stage.client.ask("GET", "/props?model=chat&b=1")
        assert chat.heard[-1].target == b"/props?model=org%2FReal%20Name&b=1"
        await stage.client.ask("POST", "/upstream/chat/x", b'{"model":"chat"}')
        assert chat.heard[-1].body == b'{"model":"chat"}'


async def test_filters_of_a_model_and_of_its_variant() -> None:
    table = (
        'aliases = ["alias"]\n[models.chat.request]\nremove = ["temperature"]\n'
        '[models.chat.variants."chat:high"]\nset = { effort = "high" }'
    )
    chat = Actor("chat", table, script=echo)
    async with playhouse(chat) as stage:
        for name, rest in (("alias", b""), ("chat:high", b',"effort":"high"')):
            body = b'{"model":"%s", "temperature":0, "x": [ 1 ]' % name.encode()
            await stage.client.ask("POST", CHAT, body + b"}")
            assert chat.heard[-1].body == body.replace(b', "temperature":0', b"") + rest + b"}"


async def test_a_model_s_own_paths() -> None:
    vision = Actor("vision", 'paths = ["/vision"]\nstrip_prefix = true', script=echo)
    async with playhouse(vision) as stage:
        call, _ = await stage.client.ask("PATCH", "/vision/a%2Fb?c", b"\0any")
        assert (call.status, vision.heard[-1].target) == (200, b"/a%2Fb?c")
        assert vision.heard[-1].body == b"\0any"
        assert (await stage.client.ask("GET", "/visionary"))[0].status == 404


async def test_headers_both_ways() -> None:
    said = Says(headers=((b"content-type", b"a/b"), (b"x-own", b"1"), (b"connection", b"x-hop")))
    chat = Actor("chat", script=lambda heard: said)
    async with playhouse(chat) as stage:
        headers = {"authorization": "Bearer secret", "te": "x", "x-mine": "2", **JSON}
        call, _ = await stage.client.ask("POST", CHAT, b'{"model":"chat"}', headers)
    assert chat.heard[0].header(b"authorization") == b"Bearer secret"
    assert chat.heard[0].header(b"x-mine") == b"2"
    assert chat.heard[0].header(b"te") is None
    assert call.headers["x-own"] == "1"
    assert "connection" not in call.headers


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=6),
    st.lists(st.binary(min_size=1, max_size=50), max_size=6),
)
async def test_bytes_pass_unchanged_both_ways(sent: list[bytes], said: list[bytes]) -> None:
    chat = Actor("chat", script=lambda heard: Says(headers=(), chunks=said))
    async with (
        playhouse(chat) as stage,
        stage.client.open("POST", "/upstream/chat/any", body=None) as call,
    ):
        for piece in sent:
            await call.send(piece)
        await call.send(b"", more=False)
        await call.head()
        assert await call.chunks() == said
    assert chat.heard[0].body == b"".join(sent)


async def test_a_big_body_arrives_whole_and_filtered() -> None:
    chat = Actor("chat", "[models.chat.request]\nset = { top_p = 1 }")
    big = b"x" * 3_000_000
    async with playhouse(chat) as stage, stage.client.open("POST", CHAT, body=None) as call:
        await call.send(b'{"model":"chat","prompt":"')
        for start in range(0, len(big), 400_000):
            await call.send(big[start : start + 400_000])
        await call.send(b'"}', more=False)
        await call.answer()
    assert chat.heard[0].body == b'{"model":"chat","prompt":"' + big + b'","top_p":1}'
    assert chat.heard[0].header(b"content-length") == str(len(chat.heard[0].body)).encode()


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status", "code"),
    [
        ("POST", CHAT, b"{", JSON, 400, "invalid_json"),
        ("POST", CHAT, b"null", JSON, 400, "model_required"),
        ("POST", CHAT, b"model=chat", {}, 400, "invalid_json"),
        ("POST", CHAT, b'{"model":"chat"}', FORM, 400, "model_required"),
        ("POST", CHAT, b'{"model":"chat","model":"x"}', JSON, 400, "model_ambiguous"),
        ("POST", CHAT, b'{"model":"nobody"}', JSON, 404, "model_not_found"),
        ("POST", CHAT, b"x" * 2000, JSON, 413, "request_too_large"),
        ("POST", CHAT, b"", {"content-length": "2000"}, 413, "request_too_large"),
        ("POST", CHAT, b'{"model":"chat"}', {"x-jano-priority": "best"}, 400, "invalid_request"),
        ("POST", CHAT, b'{"model":"chat"}', {"x-jano-deadline": "nan"}, 400, "invalid_request"),
        ("GET", "/props", b"", {}, 400, "model_required"),
        ("GET", "/props?model=a&model=b", b"", {}, 400, "model_ambiguous"),
        ("GET", "/upstream/nobody/x", b"", {}, 404, "model_not_found"),
        ("GET", CHAT, b"", {}, 405, "method_not_allowed"),
        ("DELETE", "/api/models/chat/pin", b"", {}, 405, "method_not_allowed"),
        ("POST", "/v1/nothing", b"{}", JSON, 404, "not_found"),
    ],
)
async def test_errors_of_a_call(
    method: str, target: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async with playhouse(Actor("chat"), config='[server]\nmax_body = "1000B"') as stage:
        found, error = await error_of(stage.client, method, target, body, headers)
        assert (found, error["code"]) == (status, code)
        assert set(error) >= {"message", "type", "param", "code"}
        assert stage.jano.busy() == 0


async def test_an_unknown_model_is_told_which_there_are() -> None:
    chat = Actor("chat", 'aliases = ["gpt"]\n[models.chat.variants."chat:x"]')
    async with playhouse(chat) as stage:
        _, error = await error_of(stage.client, "POST", CHAT, b'{"model":"nobody"}')
    assert error["accepted"] == ["chat", "gpt", "chat:x"]
    assert "chat, gpt, chat:x" in error["message"]
    assert (error["type"], error["param"]) == ("not_found_error", "model")


async def test_an_unknown_name_as_long_as_a_body_is_not_repeated() -> None:
    body = json.dumps({"model": "x" * 100_000}).encode()
    async with playhouse(Actor("chat")) as stage:
        status, error = await error_of(stage.client, "POST", CHAT, body, JSON)
    assert (status, error["accepted"]) == (404, ["chat"])
    assert len(error["message"]) < 300


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    async with playhouse(Actor("chat")) as stage:
        call, _ = await stage.client.ask("DELETE", "/api/profiles/active")
    assert call.headers["allow"] == "GET, PUT"


async def test_anthropic_errors() -> None:
    async with playhouse(Actor("chat")) as stage:
        for path in ("/v1/messages", "/v/messages", "/upstream/nobody/v1/messages"):
            _, body = await stage.client.ask("POST", path, b'{"model":"nobody"}')
            answer = json.loads(body)
            assert (answer["type"], answer["error"]["type"]) == ("error", "not_found_error")


async def test_a_model_that_cannot_be_loaded() -> None:
    chat = Actor("chat")
    async with playhouse(chat, config='[swap]\nfailure_limit = 2\nfailure_reset = "5m"') as stage:
        chat.up = False
        for _ in range(2):
            status, error = await error_of(stage.client, "POST", CHAT, b'{"model":"chat"}')
            assert (status, error["code"]) == (503, "model_load_failed")
            assert error["type"] == "server_error"
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert json.loads(body)["error"]["code"] == "model_unavailable"
        assert call.headers["x-should-retry"] == "false"
        assert int(call.headers["retry-after"]) == 301, "at 300 s it is not yet forgiven"


async def test_a_full_queue_says_when_to_come_again() -> None:
    chat = Actor("chat", load_s=60.0)
    async with (
        playhouse(chat, config="[scheduler]\nqueue_limit = 1") as stage,
        stage.client.open("POST", CHAT, body=b'{"model":"chat"}'),
    ):
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
    assert (call.status, json.loads(body)["error"]["code"]) == (503, "queue_full")
    assert int(call.headers["retry-after"]) >= 1
    assert call.headers["x-jano-model"] == "chat"


async def test_an_error_of_jano_s_own_is_no_secret_and_no_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(name: str) -> None:
        raise RuntimeError("boom")

    async with playhouse(Actor("chat")) as stage:
        with monkeypatch.context() as patched:
            patched.setattr(stage.jano.catalog, "find", explode)
            status, error = await error_of(stage.client, "POST", CHAT, b'{"model":"chat"}')
        assert (status, error["code"]) == (500, "internal_error")
        assert "boom" not in json.dumps(error)
        assert "boom" in caplog.text
        call, _ = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert call.status == 200


class Closed:
    """An authenticator with one key, which it consumes."""

    def admit(self, headers: Any, peer: str) -> Any:
        from jano_core.plugin.contracts import Caller

        match headers.get(b"x-api-key"):
            case b"low":
                return Caller(
                    name="low",
                    consumed=frozenset({b"x-api-key"}),
                    scopes=frozenset({"infer"}),
                    models=frozenset({"chat"}),
                    priority_ceiling=2,
                )
        raise Refused("invalid_api_key", "no such key")


async def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, code = Actor("chat"), Actor("code")
    async with playhouse(chat, code) as stage:
        monkeypatch.setattr(stage.jano, "authenticator", Closed())
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert (call.status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        assert json.loads(body)["error"]["type"] == "authentication_error"
        assert (await stage.client.ask("GET", "/health"))[0].status == 200
        assert (await stage.client.ask("GET", "/status"))[0].status == 401

        key = {"x-api-key": "low", "x-jano-priority": "high", **JSON}
        assert (await stage.client.ask("POST", CHAT, b'{"model":"chat"}', key))[0].status == 200
        assert chat.heard[0].header(b"x-api-key") is None
        status, error = await error_of(stage.client, "POST", CHAT, b'{"model":"code"}', key)
        assert (status, error["code"]) == (403, "permission_denied")
        status, error = await error_of(stage.client, "GET", "/running", b"", key)
        assert (status, error["type"]) == (403, "permission_error")
        _, body = await stage.client.ask("GET", "/v1/models", b"", key)
        assert [entry["id"] for entry in json.loads(body)["data"]] == ["chat"]
        usage = stage.jano.ledger.usage("1")["records"][0]
        assert (usage["client"], usage["priority"]) == ("low", "low")
