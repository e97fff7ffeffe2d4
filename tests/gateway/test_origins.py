"""What web pages may do."""

from __future__ import annotations

import pytest

from jano_core.gateway.call import Call, Message
from jano_core.testing.playhouse import Actor, playhouse

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
BODY = b'{"model":"chat"}'
OURS, EVIL = "https://ours.example", "http://evil.example"
CONFIG = f'[server]\ncors_origins = ["{OURS}"]'


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("POST", "/api/models/unload", {}, 200),
        ("POST", "/api/models/unload", {"origin": OURS}, 200),
        ("POST", "/api/models/unload", {"origin": "http://127.0.0.1:8082"}, 200),
        ("POST", "/api/models/unload", {"origin": EVIL}, 403),
        ("POST", "/api/models/unload", {"origin": "null"}, 403),
        ("GET", "/unload", {"origin": EVIL}, 403),
        ("GET", "/unload", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/unload", {"sec-fetch-site": "same-site"}, 403),
        ("GET", "/unload", {"sec-fetch-site": "none"}, 200),
        ("GET", "/unload", {"sec-fetch-site": "same-origin"}, 200),
        ("GET", "/status", {"sec-fetch-site": "cross-site"}, 200),
        ("GET", "/status", {"origin": EVIL}, 200),
        ("POST", CHAT, {"origin": EVIL, "content-type": "application/json"}, 200),
        ("POST", CHAT, {"origin": EVIL, "content-type": "text/plain;charset=UTF-8"}, 403),
        ("POST", CHAT, {"origin": EVIL}, 403),
        ("POST", CHAT, {"content-type": "text/plain"}, 200),
        ("GET", "/status", {"host": "evil.example"}, 403),
        ("POST", CHAT, {"host": "rebound.example:8082"}, 403),
        ("GET", "/status", {"host": "ours.example"}, 200),
        ("GET", "/status", {"host": "localhost:8082"}, 200),
        ("GET", "/status", {"host": "[::1]:8082"}, 200),
        ("GET", "/status", {"host": "box"}, 200),
        ("GET", "/status", {"host": "box.local:1"}, 200),
        ("GET", "/status", {"host": ""}, 200),
        ("GET", "/status", {"host": "["}, 200),
        ("POST", "/api/reload", {"origin": "http://["}, 403),
    ],
)
async def test_who_may(method: str, target: str, headers: dict[str, str], status: int) -> None:
    async with playhouse(Actor("chat"), config=CONFIG) as stage:
        body = BODY if target == CHAT else b""
        call, _ = await stage.client.ask(method, target, body, headers)
        assert call.status == status


async def test_a_listed_origin_may_read() -> None:
    async with playhouse(Actor("chat"), config=CONFIG) as stage:
        call, _ = await stage.client.ask(
            "POST", CHAT, BODY, {"origin": OURS, "content-type": "application/json"}
        )
        assert call.headers["access-control-allow-origin"] == OURS
        assert "x-jano-queue-ms" in call.headers["access-control-expose-headers"]
        call, _ = await stage.client.ask("GET", "/status", b"", {"origin": EVIL})
        assert "access-control-allow-origin" not in call.headers


async def test_what_a_server_s_answer_varies_by_is_told_as_well() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    call = Call({"path": "/", "headers": []}, receive, send)
    call.cors = [(b"access-control-allow-origin", OURS.encode()), (b"vary", b"origin")]
    theirs = [(b"vary", b"accept"), (b"access-control-allow-origin", b"*")]
    await call.send({"type": "http.response.start", "status": 200, "headers": theirs})
    assert sent[0]["headers"] == [(b"vary", b"accept"), *call.cors]


async def test_a_preflight() -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "x-a, x-b"}
    async with playhouse(Actor("chat"), config=CONFIG) as stage:
        call, _ = await stage.client.ask("OPTIONS", CHAT, b"", {"origin": OURS, **asks})
        assert call.status == 204
        assert call.headers["access-control-allow-origin"] == OURS
        assert "POST" in call.headers["access-control-allow-methods"]
        assert call.headers["access-control-allow-headers"] == "x-a, x-b"
        call, _ = await stage.client.ask("OPTIONS", CHAT, b"", {"origin": EVIL, **asks})
        assert call.status == 403
        call, _ = await stage.client.ask("OPTIONS", CHAT)
        assert (call.status, "POST" in call.headers["allow"]) == (204, True)


async def test_options_of_a_model_s_own_server() -> None:
    chat = Actor("chat")
    async with playhouse(chat) as stage:
        call, body = await stage.client.ask("OPTIONS", "/upstream/chat/x")
    assert (call.status, body) == (200, b"{}")
    assert chat.heard[0].method == "OPTIONS"
