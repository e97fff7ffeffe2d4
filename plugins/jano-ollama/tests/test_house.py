"""The dialect in a whole house: native to an Ollama, translated to everybody else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from jano_core.testing.fakes.house import house_before
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.ollama import FakeOllama
from jano_core.testing.fakes.server import Ways
from jano_core.testing.playhouse import Actor, Heard, Says, playhouse

PORT = 9001
OLLAMA = f'[models.chat]\nbackend = "ollama"\nurl = "http://127.0.0.1:{PORT}"\n'
ASKED = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def piece(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


def streaming(*chunks: bytes, **more: Any) -> Any:
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"text/event-stream"),)
    return lambda heard: Says(headers=headers, chunks=chunks, **more)


async def ask(client: Any, asked: dict[str, Any], path: str = "/api/chat") -> tuple[Any, bytes]:
    found: tuple[Any, bytes] = await client.ask("POST", path, json.dumps(asked).encode())
    return found


@pytest.mark.anyio
async def test_an_ollama_behind_jano_gets_its_own_api() -> None:
    server = FakeOllama(Memory(), ["chat"])
    async with house_before(OLLAMA, {PORT: server}) as client:
        options = {"num_ctx": 8192, "seed": 1}
        connection, answer = await ask(client, {**ASKED, "stream": False, "options": options})
    assert connection.status == 200
    assert json.loads(answer)["message"]["content"] == "I am chat."
    assert "POST /api/chat" in server.asked
    assert "POST /v1/chat/completions" not in server.asked
    native = next(body for body in server.bodies if body.get("messages"))
    assert native["options"] == {"seed": 1}
    assert native["keep_alive"] == -1


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_a_native_stream_that_waits_begins_with_empty_pieces(path: str) -> None:
    server = FakeOllama(Memory(), ["chat"], Ways(load_s=40))
    async with house_before(OLLAMA, {PORT: server}) as client:
        connection, answer = await ask(client, {**ASKED, "prompt": "hi"}, path)
    assert connection.headers["content-type"] == "application/x-ndjson"
    *signs, last = (json.loads(line) for line in answer.splitlines())
    empty = {"role": "assistant", "content": ""}
    assert signs == [{"message": empty, "response": "", "done": False}] * 2
    assert last["done"] is True


@pytest.mark.anyio
async def test_a_native_stream_that_fails_ends_with_an_error() -> None:
    server = FakeOllama(Memory(), ["chat"], Ways(never_ready=True))
    async with house_before(OLLAMA, {PORT: server}) as client:
        connection, answer = await ask(client, ASKED)
    assert connection.status == 200
    assert "chat could not be loaded" in json.loads(answer.splitlines()[-1])["error"]


@pytest.mark.anyio
async def test_what_is_no_stream_waits_in_silence() -> None:
    server = FakeOllama(Memory(), ["chat"], Ways(load_s=40))
    async with house_before(OLLAMA, {PORT: server}) as client:
        connection, answer = await ask(client, {**ASKED, "stream": False})
    assert connection.status == 200
    assert json.loads(answer)["done"] is True


@pytest.mark.anyio
async def test_a_stream_is_translated_piece_by_piece_as_it_comes() -> None:
    actor = Actor(
        "chat", script=streaming(piece("one"), piece("two"), b"data: [DONE]\n\n", every=5)
    )
    async with playhouse(actor) as stage:
        body = json.dumps(ASKED).encode()
        async with stage.client.open("POST", "/api/chat", body=body) as connection:
            assert await connection.head() == 200
            assert connection.headers["content-type"] == "application/x-ndjson"
            began = anyio.current_time()
            assert json.loads(await connection.chunk())["message"]["content"] == "one"
            assert json.loads(await connection.chunk())["message"]["content"] == "two"
            assert anyio.current_time() - began == pytest.approx(5)
            assert json.loads(await connection.chunk())["done"] is True
            assert await connection.chunk() == b""
    assert actor.heard[0].target == b"/v1/chat/completions"


@pytest.mark.anyio
async def test_a_client_that_waits_for_a_load_sees_empty_pieces() -> None:
    actor = Actor("chat", load_s=40, script=streaming(piece("one"), b"data: [DONE]\n\n"))
    async with playhouse(actor) as stage:
        _, answer = await ask(stage.client, ASKED)
    texts = [json.loads(line) for line in answer.splitlines()]
    assert [each["message"]["content"] for each in texts] == ["", "", "one", ""]
    assert [each["done"] for each in texts] == [False, False, False, True]


@pytest.mark.anyio
async def test_a_server_that_breaks_off_is_an_error_of_ollamas_kind() -> None:
    actor = Actor("chat", script=streaming(piece("one"), breaks=True))
    async with playhouse(actor) as stage:
        _, answer = await ask(stage.client, ASKED)
    last = json.loads(answer.splitlines()[-1])
    assert set(last) == {"error"}
    assert "chat" in last["error"]


@pytest.mark.anyio
@pytest.mark.parametrize("text", [b'{"error":{"message":"too long"}}', b'{"error":"too long"}'])
async def test_a_server_s_own_error_keeps_its_status_and_words(text: bytes) -> None:
    def script(heard: Heard) -> Says:
        return Says(status=400, chunks=(text,))

    async with playhouse(Actor("chat", script=script)) as stage:
        connection, answer = await ask(stage.client, ASKED)
    assert connection.status == 400
    assert json.loads(answer) == {"error": "too long"}


@pytest.mark.anyio
async def test_filters_and_another_name_apply_to_what_the_server_gets() -> None:
    actor = Actor("chat", 'upstream_model = "real"\n[models.chat.request]\nset = { top_p = 0.5 }')
    async with playhouse(actor) as stage:
        await ask(stage.client, {**ASKED, "stream": False})
    sent = json.loads(actor.heard[0].body)
    assert (sent["model"], sent["top_p"]) == ("real", 0.5)


@pytest.mark.anyio
async def test_pages_and_wrong_methods() -> None:
    async with playhouse(Actor("chat"), Actor("hidden", "listed = false")) as stage:
        _, tags = await stage.client.ask("GET", "/api/tags")
        assert [each["name"] for each in json.loads(tags)["models"]] == ["chat"]
        connection, answer = await stage.client.ask("GET", "/api/chat")
        assert connection.status == 405
        assert json.loads(answer) == {"error": "/api/chat takes POST, not GET"}
        connection, answer = await ask(stage.client, {"name": "x"}, "/api/pull")
        assert connection.status == 404
        assert set(json.loads(answer)) == {"error"}
