from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from jano_core.errors import UpstreamError
from jano_core.plugin.server import Reply
from jano_core.runtime.readiness import MAX_BODY, ServerHttp, until_ready

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("load_s", [0.0, 1e-4, 0.003, 0.009, 0.05, 0.19, 0.29, 1, 4, 30, 300])
async def test_polling_adds_little_to_a_load(load_s: float) -> None:
    """At most as long again where it is short, 20 ms where it is longer, then a tenth."""
    began = anyio.current_time()
    asked = 0

    async def ready() -> bool:
        nonlocal asked
        asked += 1
        return anyio.current_time() - began >= load_s

    await until_ready(ready, 0.02)
    lag = anyio.current_time() - began - load_s
    assert lag <= max(0.001, min(0.02, load_s), min(0.5, load_s / 10)) + 1e-6
    assert asked < 700


async def test_the_url_is_asked_at_each_call_and_no_connection_is_kept() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), request.headers.get("connection")))
        return httpx.Response(503, json={"error": "loading"})

    url = "http://127.0.0.1:1"
    http = ServerHttp(lambda: url, httpx.MockTransport(answer))
    reply = await http.get("/health")
    assert (reply.status, reply.ok, reply.json()) == (503, False, {"error": "loading"})
    url = "http://127.0.0.1:2/v1"
    await http.post("/load", {"model": "m"})
    assert seen == [("http://127.0.0.1:1/health", "close"), ("http://127.0.0.1:2/v1/load", "close")]


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536


async def test_an_answer_is_bounded_in_time_and_size() -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/endless":
            return httpx.Response(200, stream=Endless())
        await anyio.sleep(3)
        return httpx.Response(200)

    http = ServerHttp(lambda: "http://127.0.0.1:1", httpx.MockTransport(slow))
    with pytest.raises(UpstreamError, match="no answer"):
        await http.get("/health")
    assert (await http.get("/health", timeout=5)).ok
    with pytest.raises(UpstreamError, match=str(MAX_BODY)):
        await http.get("/endless")


@pytest.mark.wire
async def test_nobody_there() -> None:
    with pytest.raises(UpstreamError):
        await ServerHttp(lambda: "http://127.0.0.1:9").get("/")


@pytest.mark.parametrize("body", [b"", b"{", b'{"\xff": 1}'])
def test_what_is_not_json_is_none(body: bytes) -> None:
    assert Reply(200, body).json() is None
