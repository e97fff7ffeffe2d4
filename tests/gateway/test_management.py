"""Calls about Jano itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.config.schema import ModelTable
from jano_core.errors import ConfigError, ConfigProblem
from jano_core.testing.asgi_client import Client
from jano_core.testing.playhouse import Actor, Says, playhouse

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
PROFILES = '[profiles.night]\ndescription = "d"\npins = { chat = "code" }'


async def get(client: Client, target: str) -> Any:
    call, body = await client.ask("GET", target)
    assert call.status == 200, body
    return json.loads(body)


async def test_health_and_status_are_the_same_object() -> None:
    async with playhouse(Actor("chat")) as stage:
        health, status = await get(stage.client, "/health"), await get(stage.client, "/status")
    assert health == status
    assert list(health)[:3] == ["ok", "currentModel", "queueDepth"]
    assert health["models"]["chat"]["state"] == "stopped"


async def test_the_list_of_models() -> None:
    table = (
        'name = "Chat"\ndescription = "talks"\naliases = ["gpt"]\nmetadata = { n = 1 }\n'
        '[models.chat.variants."chat:high"]'
    )
    async with playhouse(Actor("zoo"), Actor("chat", table), Actor("x", "listed = false")) as stage:
        await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        listed = await get(stage.client, "/v1/models")
        assert listed == await get(stage.client, "/models")
    first = listed["data"][0]
    assert first.pop("created") > 1_600_000_000
    assert first == {
        "id": "chat",
        "object": "model",
        "owned_by": "jano",
        "label": "Chat",
        "aliases": ["gpt"],
        "status": {"value": "loaded"},
        "meta": {"n": 1, "description": "talks"},
    }
    assert [entry["id"] for entry in listed["data"]] == ["chat", "chat:high", "zoo"]
    assert listed["data"][1]["meta"]["variant_of"] == "chat"
    assert listed["data"][2]["status"] == {"value": "unloaded"}


async def test_one_model_of_the_list() -> None:
    table = 'aliases = ["gpt/4"]\n[models.chat.variants."chat:high"]'
    async with playhouse(Actor("chat", table), Actor("x", "listed = false")) as stage:
        for name, entry in (
            ("chat", "chat"),
            ("Chat%3Ahigh", "chat:high"),
            ("gpt/4", "chat"),
        ):
            assert (await get(stage.client, f"/v1/models/{name}"))["id"] == entry
        for name in ("nobody", "x"):
            call, body = await stage.client.ask("GET", f"/v1/models/{name}")
            assert call.status == 404
            assert json.loads(body)["error"]["code"] == "model_not_found"


async def test_load_and_unload() -> None:
    chat = Actor("chat", "ttl = 60", load_s=5.0)
    async with playhouse(chat) as stage:
        began = anyio.current_time()
        call, body = await stage.client.ask("POST", "/api/models/load/CHAT")
        assert (call.status, json.loads(body)) == (200, {"msg": "ok"})
        assert anyio.current_time() - began >= 5.0
        row = (await get(stage.client, "/running"))["running"][0]
        assert row["proxy"].startswith("http://127.0.0.1:")
        assert {name: row[name] for name in ("model", "state", "ttl", "cmd")} == {
            "model": "chat", "state": "ready", "ttl": 60, "cmd": "",
        }  # fmt: skip
        call, body = await stage.client.ask("POST", "/api/models/unload/chat")
        assert (call.status, body) == (200, b"OK")
        assert await get(stage.client, "/running") == {"running": []}
        call, body = await stage.client.ask("POST", "/api/models/unload")
        assert (call.status, json.loads(body)) == (200, {"msg": "ok"})
        call, body = await stage.client.ask("GET", "/unload")
        assert (call.status, body) == (200, b"OK")
        for order in ("load", "unload"):
            call, _ = await stage.client.ask("POST", f"/api/models/{order}/nobody")
            assert call.status == 404


async def test_a_look_at_the_head_of_what_unloads_unloads_nothing() -> None:
    async with playhouse(Actor("chat")) as stage:
        await stage.client.ask("POST", "/api/models/load/chat")
        call, _ = await stage.client.ask("HEAD", "/unload")
        assert (call.status, call.headers["allow"]) == (405, "GET")
        assert len((await get(stage.client, "/running"))["running"]) == 1


async def test_a_load_may_take_longer_than_requests_wait() -> None:
    config = '[scheduler]\nmax_wait = "2s"'
    async with playhouse(Actor("chat", load_s=5.0), config=config) as stage:
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert (call.status, json.loads(body)["error"]["code"]) == (503, "deadline_exceeded")
        call, _ = await stage.client.ask("POST", "/api/models/load/chat")
        assert call.status == 200


async def test_a_load_is_given_up_with_its_client() -> None:
    async with (
        playhouse(Actor("chat", load_s=100.0)) as stage,
        stage.client.open("POST", "/api/models/load/chat") as call,
    ):
        await anyio.sleep(1)
        assert stage.jano.busy() == 1
        await call.hang_up()
        await anyio.sleep(0.1)
        assert stage.jano.busy() == 0


async def test_a_failed_load_says_why() -> None:
    chat = Actor("chat")
    async with playhouse(chat) as stage:
        chat.up = False
        call, body = await stage.client.ask("POST", "/api/models/load/chat")
    assert (call.status, json.loads(body)["error"]["code"]) == (503, "model_load_failed")


async def test_no_command_line_is_shown_whole() -> None:
    async with playhouse(Actor("chat")) as stage:
        await stage.client.ask("POST", "/api/models/load/chat")
        secret = ModelTable(cmd="server --api-key sk-secret")
        stage.jano.config.models["chat"] = secret
        rows = await get(stage.client, "/running")
    assert rows["running"][0]["cmd"] == "server"


async def test_no_secret_of_an_address_is_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-hidden")
    table = f'[models.far]\nurl = "http://127.0.0.1:9001/${{file:{tmp_path}/key}}"'
    chat = Actor("chat")
    async with playhouse(chat, config=table) as stage:
        chat.up = False
        call, refused = await stage.client.ask("POST", CHAT, b'{"model":"far"}')
        assert (call.status, b"nothing answers at" in refused) == (503, True)
        chat.up = True
        await stage.client.ask("POST", "/api/models/load/far")
        places = ("/running", "/status", "/logs", "/ui", "/api/requests/1")
        pages = [(await stage.client.ask("GET", place))[1] for place in places]
    assert b"http://127.0.0.1:9001/***" in pages[0]
    assert all(b"sk-hidden" not in page for page in (refused, *pages))


async def test_the_queue() -> None:
    chat = Actor("chat", "parallel = 1", script=lambda heard: Says(first=50.0))
    async with (
        playhouse(chat) as stage,
        stage.client.open("POST", CHAT, body=b'{"model":"chat"}'),
        stage.client.open("POST", CHAT, body=b'{"model":"chat"}'),
    ):
        await anyio.sleep(10)
        queue = await get(stage.client, "/api/queue")
    waiting, running = queue["waiting"][0], queue["running"][0]
    assert set(waiting) == {
        "id", "model", "priority", "client", "waited_ms", "position", "eta_ms",
    }  # fmt: skip
    assert (waiting["id"], waiting["position"], waiting["client"]) == ("2", 1, "127.0.0.1")
    assert set(running) == {"id", "model", "node", "started_ms"}


async def test_pin_drain_and_resume() -> None:
    async with playhouse(Actor("chat")) as stage:
        _, body = await stage.client.ask("POST", "/api/models/chat/pin")
        assert json.loads(body) == {"model": "chat", "pinned": True}
        assert stage.jano.dispatcher.snapshot().models["chat"].pinned
        _, body = await stage.client.ask("POST", "/api/models/chat/unpin")
        assert not stage.jano.dispatcher.snapshot().models["chat"].pinned

        call, _ = await stage.client.ask("POST", "/api/drain", b'{"model":"chat"}')
        assert call.status == 200
        call, body = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert (call.status, json.loads(body)["error"]["code"]) == (503, "draining")
        await stage.client.ask("POST", "/api/resume")
        assert (await stage.client.ask("POST", CHAT, b'{"model":"chat"}'))[0].status == 200
        for wrong in (b'{"model":3}', b"[]", b"{"):
            assert (await stage.client.ask("POST", "/api/drain", wrong))[0].status == 400


async def test_profiles() -> None:
    async with playhouse(Actor("chat"), Actor("code"), config=PROFILES) as stage:
        assert await get(stage.client, "/api/profiles") == {
            "active": None,
            "profiles": [{"id": "night", "description": "d", "pins": {"chat": "code"}}],
        }

        async def put(body: bytes) -> tuple[int, Any]:
            call, answer = await stage.client.ask("PUT", "/api/profiles/active", body)
            return call.status, json.loads(answer)

        assert await put(b'{"name":"night"}') == (200, {"active": "night"})
        call, _ = await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert call.headers["x-jano-model"] == "code"
        for wrong in (b"", b"{}", b'{"name":3}', b"x"):
            assert (await put(wrong))[0] == 400
        assert (await put(b'{"name":"day"}'))[0] == 404
        assert await get(stage.client, "/api/profiles/active") == {"active": "night"}
        assert await put(b'{"name":null}') == (200, {"active": None})


async def test_a_bad_configuration_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def bad() -> None:
        raise ConfigError([ConfigProblem("no such key", file="jano.toml", line=3)])

    async with playhouse(Actor("chat")) as stage:
        monkeypatch.setattr(stage.jano, "reload", bad)
        call, body = await stage.client.ask("POST", "/api/reload")
    assert call.status == 400
    assert json.loads(body)["error"]["problems"] == ["jano.toml:3: no such key"]


async def test_logs() -> None:
    async with playhouse(Actor("chat"), Actor("code")) as stage:
        logs = stage.jano.dispatcher.crew.logs
        stage.jano.router_log.write("router\n")
        logs["chat"].write("chat\n")
        _, body = await stage.client.ask("GET", "/logs")
        assert body == b"router\nchat\n"
        call, _ = await stage.client.ask("GET", "/logs", b"", {"accept": "text/html,*/*"})
        assert (call.status, call.headers["location"]) == (302, "/ui")
        for source, text in (
            ("", b"router\nchat\n"),
            ("/proxy", b"router\n"),
            ("/chat", b"chat\n"),
        ):
            async with stage.client.open("GET", "/logs/stream" + source) as call:
                await call.head()
                assert await call.chunk() == text
        async with stage.client.open("GET", "/logs/stream/upstream?no-history") as call:
            await call.head()
            assert await call.chunk() == b"\n"
            await anyio.sleep(1)
            logs["code"].write("code\n")
            assert await call.chunk() == b"code\n"
        assert (await stage.client.ask("GET", "/logs/stream/nobody"))[0].status == 400


async def test_events_begin_with_the_whole_picture_and_stay_alive() -> None:
    async with playhouse(Actor("chat")) as stage, stage.client.open("GET", "/api/events") as call:
        await call.head()
        assert call.headers["content-type"] == "text/event-stream"
        assert b'"modelStatus"' in await call.chunk()
        began = anyio.current_time()
        assert await call.chunk() == b": jano\n\n"
        assert anyio.current_time() - began == pytest.approx(15.0)


async def test_the_rest_answers() -> None:
    async with playhouse(Actor("chat", 'name = "<b>"')) as stage:
        await stage.client.ask("POST", CHAT, b'{"model":"chat"}')
        assert set(await get(stage.client, "/api/version")) == {"version", "commit", "build_date"}
        assert (await get(stage.client, "/usage?limit=1"))["count"] == 1
        assert (await get(stage.client, "/api/metrics/activity?limit=1"))["total"] == 1
        assert (await get(stage.client, "/api/metrics/stats"))["total_requests"] == 1
        assert (await stage.client.ask("GET", "/api/metrics/activity?page=0"))[0].status == 400
        assert (await stage.client.ask("GET", "/api/captures/1"))[0].status == 404
        call, body = await stage.client.ask("GET", "/metrics")
        assert call.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert body.startswith(b"# HELP jano_uptime_seconds ")
        call, body = await stage.client.ask("GET", "/ui")
        assert call.headers["content-type"] == "text/html; charset=utf-8"
        assert b"<td>chat<td>ready" in body
        call, _ = await stage.client.ask("GET", "/")
        assert (call.status, call.headers["location"]) == (302, "/ui")
        call, body = await stage.client.ask("HEAD", "/health")
        assert (call.status, body) == (200, b"")
        assert int(call.headers["content-length"]) > 100


@pytest.mark.parametrize("path", ["/api/events", "/logs/stream"])
async def test_the_head_of_what_has_no_end_is_the_whole_answer(path: str) -> None:
    async with playhouse(Actor("chat")) as stage:
        with anyio.fail_after(5):
            call, body = await stage.client.ask("HEAD", path)
    assert (call.status, body) == (200, b"")
