"""A burst with one swap, as a real receiver of OTLP sees it, over HTTP and over gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import websockets.sync.server
from websockets.asyncio.client import connect
from websockets.sync.server import ServerConnection

from jano_core.testing.running import running_jano
from tests.processes import wait_for
from tests.simulated import model_table
from tests.telemetry.otlp_receiver import (
    CLIENT,
    SERVER,
    Received,
    attributes,
    grpc_receiver,
    http_receiver,
)
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

Receiver = Callable[[], AbstractContextManager[tuple[str, Received]]]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CALLER.split("-")[1:3]
CHAT = "/v1/chat/completions"
BURST = ["chat", "code", "chat", "chat", "code", "code"]


@pytest.mark.parametrize(
    ("receiver", "protocol"), [(http_receiver, "http/protobuf"), (grpc_receiver, "grpc")]
)
async def test_a_burst_with_one_swap(receiver: Receiver, protocol: str, tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    tables = [model_table(name, book, "--load 0.2 --tokens 4") for name in ("chat", "code")]
    config = "[telemetry]\notlp = true\n" + "".join(tables)
    with receiver() as (url, received):
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
        with running_jano(config, tmp_path / "jano", env=env) as jano:
            await ask(jano.url, CHAT, chat("chat"))
            async with anyio.create_task_group() as clients:
                for number, model in enumerate(BURST, start=1):
                    slow = {"rate": 8} if number == 1 else {}
                    clients.start_soon(ask, jano.url, CHAT, chat(model, simulate=slow))
                    await arrived(jano.url, number)
            header = {"traceparent": CALLER, "tracestate": "vendor=value"}
            seen = (await ask(jano.url, "/upstream/code/request", b"{}", header)).json()
            usage = jano.get("/usage")["records"]
        # Jano has ended: everything is out.

    assert received.resources[0]["service.name"] == "jano"
    assert received.resources[0]["deployment.environment.name"] == "test"
    one_trace_a_request(received, len(BURST) + 2)
    waits_add_up(received, usage)
    swap_links_to_those_it_served(received)
    the_caller_s_trace_goes_through(received, seen)
    names = ("jano.request.duration", "gen_ai.client.token.usage", "jano.swaps")
    assert set(names) <= received.metrics.keys()


def one_trace_a_request(received: Received, requests: int) -> None:
    servers = [span for span in received.spans if span.kind == SERVER]
    clients = [span for span in received.spans if span.kind == CLIENT]
    assert len(servers) == len(clients) == len(received.named("jano.queue")) == requests
    assert {span.name for span in servers} == {
        f"POST {CHAT}",
        "POST /upstream/{model}/{path}",
    }
    assert {span.name for span in clients} == {"chat chat", "chat code", "request code"}
    by_id = {span.span_id: span for span in servers}
    for span in [*clients, *received.named("jano.queue")]:
        parent = by_id[span.parent_span_id]
        assert span.trace_id == parent.trace_id
        start, end = parent.start_time_unix_nano, parent.end_time_unix_nano
        assert start <= span.start_time_unix_nano <= span.end_time_unix_nano <= end
    answer = next(span for span in clients if span.name == "chat code")
    about = attributes(answer)
    assert about["gen_ai.operation.name"] == "chat"
    assert about["gen_ai.request.model"] == "code"
    assert about["gen_ai.usage.output_tokens"] == 4
    assert about["server.address"] == "127.0.0.1"


def waits_add_up(received: Received, usage: list[dict[str, Any]]) -> None:
    waits = received.named("jano.queue")
    spans = sum(span.end_time_unix_nano - span.start_time_unix_nano for span in waits) / 1e6
    assert spans == pytest.approx(sum(record["queue_ms"] for record in usage), abs=len(usage))


def swap_links_to_those_it_served(received: Received) -> None:
    roots = received.named("jano.swap ")
    assert [span.name for span in roots] == ["jano.swap chat", "jano.swap code"]
    swap = roots[1]
    assert not swap.parent_span_id, "the root of a trace of its own"
    coders = {
        span.span_id
        for span in received.spans
        if span.kind == SERVER and attributes(span)["jano.model"] == "code"
        and span.name.endswith(CHAT)
    }  # fmt: skip
    assert {link.span_id for link in swap.links} == coders
    parts = [span for span in received.spans if span.parent_span_id == swap.span_id]
    names = [f"jano.swap.{part}" for part in ("drain", "stop", "start", "ready")]
    assert [span.name for span in parts] == names
    assert parts[0].start_time_unix_nano == swap.start_time_unix_nano
    lengths = [span.end_time_unix_nano - span.start_time_unix_nano for span in parts]
    whole = swap.end_time_unix_nano - swap.start_time_unix_nano
    assert sum(lengths) == pytest.approx(whole, abs=1000)
    assert attributes(swap)["jano.swap.evicted"] == ["chat"]


def the_caller_s_trace_goes_through(received: Received, seen: dict[str, Any]) -> None:
    server = next(span for span in received.spans if span.name.endswith("{path}"))
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    client = next(span for span in received.spans if span.name == "request code")
    arrived = dict(seen["headers"])
    assert arrived["traceparent"].split("-")[1:3] == [TRACE, client.span_id.hex()]
    assert arrived["tracestate"] == "vendor=value"


async def arrived(url: str, number: int) -> None:
    """Wait until the router has seen so many of the burst."""
    with anyio.fail_after(10):
        while True:
            status = (await ask(url, "/status")).json()
            waiting = status["queueDepth"] + status["inFlight"]
            if waiting + status["requestsServedTotal"] - 1 >= number:
                return


async def test_a_websocket_carries_the_caller_s_trace_too(tmp_path: Path) -> None:
    def tell(socket: ServerConnection) -> None:
        assert socket.request is not None
        socket.send(socket.request.headers["traceparent"])

    header = {"traceparent": CALLER, "tracestate": "vendor=value"}
    with listening(tell) as port, http_receiver() as (url, received):
        config = f'[telemetry]\notlp = true\n[models.talk]\nurl = "http://127.0.0.1:{port}"\n'
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        with running_jano(config + 'health = "none"\n', tmp_path / "jano", env=env) as jano:
            there = jano.url.replace("http", "ws") + "/upstream/talk/ws"
            async with connect(there, additional_headers=header, proxy=None) as socket:
                arrived = str(await socket.recv())
                await socket.wait_closed()  # its server has no more to say
            wait_for(lambda: jano.get("/usage")["count"], "the request's end")
    [server] = (span for span in received.spans if span.kind == SERVER)
    [client] = (span for span in received.spans if span.kind == CLIENT)
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(server)["http.response.status_code"] == 101
    assert client.parent_span_id == server.span_id
    assert arrived.split("-")[1:3] == [TRACE, client.span_id.hex()]


@contextmanager
def listening(serve: Callable[[ServerConnection], None]) -> Iterator[int]:
    """A WebSocket server in a thread; its port."""
    server = websockets.sync.server.serve(serve, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
