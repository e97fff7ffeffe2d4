"""Bodies that no client should send: the contract's error or service, and Jano lives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anyio
import h11
import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.simulated import model_table
from tests.wire_client import Exchange, ask, chat, opened

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'
DEEP = b"[" * 10_000 + b"]" * 10_000

REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "invalid_json"),
    "broken": (b'{"model":"chat"', "invalid_json"),
    "not text": (b"\xff\xfe\x00", "invalid_json"),
    "no model": (b"{" + MESSAGES + b"}", "model_required"),
    "empty model": (b'{"model":"",' + MESSAGES + b"}", "model_required"),
    "model is a number": (b'{"model":3,' + MESSAGES + b"}", "model_required"),
    "model is deep": (b'{"model":' + DEEP + b"}", "model_required"),
    "two models": (b'{"model":"chat","model":"code"}', "model_ambiguous"),
    "two models, one escaped": (b'{"model":"chat","\\u006dodel":"code"}', "model_ambiguous"),
}
SERVED = {
    "model twice, the same": b'{"model":"chat","model":"chat",' + MESSAGES + b"}",
    "10,000 deep": b'{"deep":' + DEEP + b',"model":"chat",' + MESSAGES + b"}",
    "1 MB of spaces": b" " * 2**20 + chat("chat"),
}


@pytest.fixture(scope="module")
def jano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningJano]:
    folder = tmp_path_factory.mktemp("ugly")
    config = '[server]\nmax_body = "8MiB"\n\n' + model_table("chat", folder / "books", "--tokens 2")
    with running_jano(config, folder / "jano") as running:
        yield running


@pytest.mark.parametrize("body", [b"null", b"[]", b"3", b'""'], ids=str)
async def test_json_that_is_no_object(jano: RunningJano, body: bytes) -> None:
    answer = await ask(jano.url, CHAT, body)
    assert answer.status == 400
    assert answer.json()["error"]["code"] in ("invalid_json", "model_required")
    await lives(jano)


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(jano: RunningJano, name: str) -> None:
    body, code = REFUSED[name]
    answer = await ask(jano.url, CHAT, body)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, code)
    assert error["type"] == "invalid_request_error"
    await lives(jano)


@pytest.mark.parametrize("name", SERVED)
async def test_served(jano: RunningJano, name: str) -> None:
    assert (await ask(jano.url, CHAT, SERVED[name])).status == 200
    await lives(jano)


async def test_a_wrong_content_type(jano: RunningJano) -> None:
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert (await ask(jano.url, CHAT, chat("chat"), form)).status == 400
    plain = {"content-type": "text/plain"}
    assert (await ask(jano.url, CHAT, chat("chat"), plain)).status == 200
    await lives(jano)


async def test_300_mb_announced_are_refused_before_they_are_sent(jano: RunningJano) -> None:
    head = {"content-length": str(300_000_000), "expect": "100-continue"}
    with anyio.fail_after(10):
        async with opened(jano.url, "POST", CHAT, JSON | head) as made:
            assert await made.head() == 413
            body = b"".join([chunk async for chunk in made.chunks()])
    assert json.loads(body)["error"]["code"] == "request_too_large"
    await lives(jano)


async def test_a_body_that_never_says_how_long_it_is(jano: RunningJano) -> None:
    """Chunked, endless: refused when the limit is reached, whatever is still to come."""
    chunked = {"transfer-encoding": "chunked"}
    with anyio.fail_after(30):
        async with (
            opened(jano.url, "POST", CHAT, JSON | chunked) as made,
            anyio.create_task_group() as sending,
        ):
            sending.start_soon(pour, made)
            assert await made.head() == 413
            sending.cancel_scope.cancel()
    await lives(jano)


async def pour(made: Exchange) -> None:
    """Send until the router closes on us."""
    try:
        while True:
            await made.send(h11.Data(data=b" " * 65536))
    except anyio.BrokenResourceError:
        return


async def lives(jano: RunningJano) -> None:
    assert (await ask(jano.url, "/health")).status == 200
