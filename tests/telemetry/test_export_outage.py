"""A receiver of telemetry that dies, hangs and comes back while requests are served."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.simulated import model_table
from tests.telemetry.otlp_receiver import SERVER, Received, attributes, http_receiver
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
ROUND = 150
"""Requests while the receiver is in one state: more spans than the queue below takes."""
QUICK = {
    "OTEL_BSP_SCHEDULE_DELAY": "50",
    "OTEL_BSP_MAX_QUEUE_SIZE": "128",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "32",
    "OTEL_METRIC_EXPORT_INTERVAL": "200",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
}


async def test_nobody_notices(tmp_path: Path) -> None:
    config = "[telemetry]\notlp = true\n" + model_table(
        "chat", tmp_path / "book", "--tokens 4 --parallel 4", "parallel = 4"
    )
    fine = [200] * ROUND
    with ExitStack() as house:
        with http_receiver() as (url, before):
            env = QUICK | {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
            jano = house.enter_context(running_jano(config, tmp_path / "jano", env=env))
            assert await served(jano.url) == fine
        assert numbers(before)
        memory = resident_kib(jano)
        port = int(url.rsplit(":", 1)[1])
        assert await served(jano.url) == fine, "nobody listens there any more"
        with socket.create_server(("127.0.0.1", port)):
            assert await served(jano.url) == fine, "it takes connections and says nothing"
        with http_receiver(port) as (_, after):
            with anyio.fail_after(15):  # until what comes after the outage arrives
                while max(numbers(after), default=0) <= 3 * ROUND:
                    await ask(jano.url, CHAT, chat("chat"))
            grown = resident_kib(jano) - memory
    assert grown < 16 * 1024, "what cannot be sent is dropped, not kept"


async def served(url: str) -> list[int]:
    """The statuses of a round of requests, a few at a time."""
    statuses: list[int] = []

    async def one_after_the_other() -> None:
        for _ in range(ROUND // 5):
            answer = await ask(url, CHAT, chat("chat"))
            statuses.append(answer.status)

    async with anyio.create_task_group() as clients:
        for _ in range(5):
            clients.start_soon(one_after_the_other)
    return statuses


def numbers(received: Received) -> list[int]:
    """The requests whose spans have come."""
    spans = [span for span in received.spans if span.kind == SERVER]
    return [int(attributes(span)["jano.request.id"]) for span in spans]


def resident_kib(jano: RunningJano) -> int:
    status = Path(f"/proc/{jano.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
