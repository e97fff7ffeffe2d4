"""The simulated model server as a process: what it answers, how it fails, what it writes down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from jano_core.testing.model_server import command
from tests.simulated import entries
from tests.wire_client import ask, chat, events, exchange, until

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

LONG = 15
TEXT = "the gate has two"
TOOL = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Running:
    """One server process, started and listening."""

    def __init__(self, book: Path, **options: Any) -> None:
        self.book = book
        line = command("sim", options.pop("port", 0), book=book, **{"tokens": 4} | options)
        self.popen = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def said(self, part: str) -> str:
        """The next line of its output that has this part; empty if it ends before."""
        assert self.popen.stdout is not None
        return next((line for line in self.popen.stdout if part in line), "")

    def entries(self, what: str) -> list[dict[str, Any]]:
        return entries(self.book, what)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[Running, str]]]:
    started: list[Running] = []

    def begin(**options: Any) -> tuple[Running, str]:
        running = Running(tmp_path / "books.jsonl", **options)
        started.append(running)
        return running, running.said("listening").strip().rpartition(" ")[2]

    yield begin
    for running in started:
        running.popen.kill()
        running.popen.communicate()


Start = Callable[..., tuple[Running, str]]


async def ready(url: str) -> None:
    """Until its health is good; bounded by the test's own server."""
    with anyio.fail_after(LONG):
        while (await ask(url, "/health")).status != 200:  # noqa: ASYNC110 - another process
            await anyio.sleep(0.02)


def resident(pid: int) -> int:
    """Bytes of a process that are really in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def test_answers_as_loading_until_it_is_loaded(start: Start) -> None:
    running, url = start(load=0.3)
    loading = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    for path, body in (("/health", None), ("/v1/chat/completions", chat("sim"))):
        answer = await ask(url, path, body)
        assert (answer.status, answer.json()) == (503, loading)
    await ready(url)
    assert (await ask(url, "/health")).json() == {"status": "ok"}
    assert [line["what"] for line in entries(running.book)][:1] == ["start"]
    assert len(running.entries("ready")) == 1


async def test_openai_client_understands_it(start: Start) -> None:
    _, url = start()
    await ready(url)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        asked: Any = {"model": "sim", "messages": [{"role": "user", "content": "hello"}]}
        whole = await client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == TEXT
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 4
        stream = await client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        text = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
        assert "".join(filter(None, text)) == TEXT
        assert chunks[-1].usage is not None
        tools: Any = [{"type": "function", "function": TOOL}]
        called = await client.chat.completions.create(**asked, tools=tools)
        assert called.choices[0].finish_reason == "tool_calls"
        answered = await client.responses.create(model="sim", input="hello")
        assert answered.output_text == TEXT
        async with client.responses.stream(model="sim", input="hello") as pieces:
            assert (await pieces.get_final_response()).output_text == TEXT
        embedded = await client.embeddings.create(
            model="sim", input=["a", "bb"], encoding_format="float"
        )
        assert [each.embedding[0] for each in embedded.data] == [1, 2]


async def test_anthropic_client_understands_it(start: Start) -> None:
    _, url = start()
    await ready(url)
    async with AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        asked: Any = {
            "model": "sim",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hello"}],
        }
        whole: Any = await client.messages.create(**asked)
        assert (whole.content[0].text, whole.stop_reason) == (TEXT, "end_turn")
        async with client.messages.stream(**asked) as stream:
            assert await stream.get_final_text() == TEXT
        tools: Any = [{"name": "weather", "input_schema": TOOL["parameters"]}]
        async with client.messages.stream(**asked, tools=tools) as stream:
            final: Any = await stream.get_final_message()
        assert (final.stop_reason, final.content[0].input) == ("tool_use", {"city": "text"})
        counted = await client.messages.count_tokens(model="sim", messages=asked["messages"])
        assert counted.input_tokens > 0


async def test_llama_cpp_shapes(start: Start) -> None:
    _, url = start(parallel=3)
    await ready(url)
    props = (await ask(url, "/props")).json()
    assert (props["total_slots"], props["model_alias"]) == (3, "sim")
    assert [slot["is_processing"] for slot in (await ask(url, "/slots")).json()] == [False] * 3
    done = (await ask(url, "/completion", b'{"prompt": "x", "n_predict": 2}')).json()
    assert (done["content"], done["tokens_predicted"], done["stop_type"]) == (
        "the gate",
        2,
        "limit",
    )
    assert done["timings"]["predicted_n"] == 2
    ranked = (await ask(url, "/rerank", b'{"documents": ["a", "bbb"]}')).json()["results"]
    assert [each["relevance_score"] for each in ranked] == [1.0, 3.0]


async def test_a_body_and_its_headers_come_back_as_they_were(start: Start) -> None:
    _, url = start()
    body = bytes(range(256)) * 300
    headers = {"content-type": "x/y", "content-encoding": "br", "X-Case": "kept"}
    echoed = await ask(url, "/echo/any?chunks=7&status=418", body, headers)
    assert (echoed.status, echoed.body) == (418, body)
    assert (echoed.headers["content-type"], echoed.headers["content-encoding"]) == ("x/y", "br")
    seen = (await ask(url, "/request/a%2Fb?c=d", body, headers)).json()
    assert (seen["target"], seen["sha256"]) == ("/request/a%2Fb?c=d", sha256(body).hexdigest())
    assert ["X-Case", "kept"] in seen["headers"]


async def test_a_client_that_leaves_is_noticed_at_once(start: Start) -> None:
    running, url = start(rate=50)
    await ready(url)
    body = chat("sim", stream=True, simulate={"tokens": 100000})
    async with exchange(url, "/v1/chat/completions", body) as stream:
        await stream.head()
    (entry,) = await until(lambda: running.entries("cancelled"), "the client's end is noticed")
    assert entry["sent"] < 1000
    assert (await ask(url, "/v1/chat/completions", chat("sim"))).status == 200


async def test_slots_limit_what_runs_at_once(start: Start) -> None:
    running, url = start(parallel=2, rate=100)
    await ready(url)
    async with anyio.create_task_group() as clients:
        for _ in range(6):
            clients.start_soon(ask, url, "/v1/chat/completions", chat("sim"))
    working, most = 0, 0
    for line in entries(running.book):
        working += {"begin": 1, "end": -1}.get(line["what"], 0)
        most = max(most, working)
    assert most == 2
    assert len(running.entries("end")) == 6


@pytest.mark.parametrize(
    ("options", "served"),
    [({"fail_rate": 0.5}, [200, 500, 200, 500]), ({"die_after": 2}, [200, 200])],
)
async def test_failures_on_order(start: Start, options: dict[str, Any], served: list[int]) -> None:
    _, url = start(**options)
    await ready(url)
    answers = [await ask(url, "/v1/chat/completions", chat("sim")) for _ in served]
    assert [answer.status for answer in answers] == served


async def test_dies_in_the_middle_of_a_stream(start: Start) -> None:
    running, url = start(die_mid_stream=True)
    await ready(url)
    answer = await ask(url, "/v1/chat/completions", chat("sim", stream=True))
    assert not answer.whole
    assert 0 < len(events(answer.body)) < 5
    assert running.popen.wait(LONG) == 9


@pytest.mark.parametrize("options", [{"hang": True}, {"silence_after": 2}])
async def test_silence(start: Start, options: dict[str, Any]) -> None:
    running, url = start(**options)
    await ready(url)
    with anyio.move_on_after(0.3) as patience:
        async with exchange(url, "/v1/chat/completions", chat("sim", stream=True)) as stream:
            await stream.head()
            async for _ in stream.chunks():
                continue
    assert patience.cancelled_caught
    assert (await ask(url, "/health")).status == 200
    await until(lambda: running.entries("cancelled"), "it saw the client go")


async def test_a_failing_load_ends_with_the_wanted_status(start: Start) -> None:
    running, _ = start(load=0.1, fail_load=7)
    assert "failed to load" in running.said("error")
    assert running.popen.wait(LONG) == 7


async def test_health_may_lie(start: Start) -> None:
    _, url = start(lie_ready=True, never_ready=True)
    assert (await ask(url, "/health")).status == 200
    assert (await ask(url, "/v1/chat/completions", chat("sim"))).status == 503


async def test_may_open_its_port_only_when_ready(start: Start) -> None:
    running, url = start(load=0.3, bind_late=True)
    assert (await ask(url, "/health")).status == 200
    assert [line["what"] for line in entries(running.book)] == ["start", "ready"]


async def test_may_leave_its_port_to_somebody_else(start: Start, tmp_path: Path) -> None:
    _, url = start()
    port = int(url.rpartition(":")[2])
    quiet = Running(tmp_path / "other.jsonl", foreign=True, port=port)
    loud = Running(tmp_path / "third.jsonl", port=port)
    try:
        assert "loaded" in quiet.said("loaded")
        assert "cannot listen" in loud.said("error")
        assert loud.popen.wait(LONG) == 1
        assert quiet.popen.poll() is None
    finally:
        for running in (quiet, loud):
            running.popen.kill()
            running.popen.communicate()


async def test_stops_when_told(start: Start) -> None:
    running, url = start()
    await ready(url)
    running.popen.terminate()
    assert running.popen.wait(LONG) == 0
    assert len(running.entries("stop")) == 1


async def test_ignores_sigterm_on_order(start: Start) -> None:
    running, url = start(ignore_term=True)
    await ready(url)
    running.popen.terminate()
    assert (await ask(url, "/health")).status == 200
    assert running.entries("stop") == []


async def test_a_wrapper_serves_from_its_child(start: Start) -> None:
    running, url = start(wrap=True)
    await ready(url)
    (entry,) = running.entries("start")
    assert entry["pid"] != running.popen.pid
    os.kill(entry["pid"], signal.SIGTERM)
    assert running.popen.wait(LONG) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_holds_the_memory_it_was_given(start: Start) -> None:
    running, url = start(memory=80_000_000)
    await ready(url)
    assert resident(running.popen.pid) > 80_000_000
    assert (await ask(url, "/props")).json()["memory"] == 80_000_000


async def test_websocket_echo_and_close(start: Start) -> None:
    _, url = start()
    address = url.replace("http", "ws") + "/ws"
    async with connect(address, subprotocols=["jano", "other"], max_size=None) as client:  # type: ignore[list-item]
        assert client.subprotocol == "jano"
        for message in ("hello", b"\0" * 70_000):
            await client.send(message)
            assert await client.recv() == message
        await client.send("close 4001 bye")
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")


async def test_media(start: Start) -> None:
    _, url = start()
    await ready(url)
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\near\r\n--b--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    heard = await ask(url, "/v1/audio/transcriptions", form, kind)
    assert heard.json() == {"text": TEXT, "received_bytes": len(form)}
    assert (await ask(url, "/v1/audio/speech", b"{}")).body.startswith(b"RIFF")
    assert (await ask(url, "/v1/images/generations", b"{}")).json()["data"][0]["b64_json"]


async def test_errors_have_llama_cpps_shape(start: Start) -> None:
    _, url = start()
    await ready(url)
    for path, body, status in (("/none", b"{}", 404), ("/v1/completions", b"[]", 400)):
        error = (await ask(url, path, body)).json()["error"]
        assert error["code"] == status
    refused = json.dumps({"simulate": {"status": 429}}).encode()
    assert (await ask(url, "/v1/completions", refused)).status == 429
