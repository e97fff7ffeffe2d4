"""Many requests at once over models that exclude each other: as few swaps as can be."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from jano_core.testing.running import running_jano
from tests.simulated import entries, loads, model_table, most_at_once
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

MODELS = ("chat", "code", "draw")


async def test_200_requests_over_three_models_cost_three_loads(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = "".join(model_table(name, book, "--load 0.3 --tokens 4") for name in MODELS)
    statuses: list[int] = []

    async def one(url: str, number: int) -> None:
        answer = await ask(url, "/v1/chat/completions", chat(MODELS[number % 3]))
        assert answer.json()["model"] == MODELS[number % 3]
        statuses.append(answer.status)

    with running_jano(config, tmp_path / "jano") as jano:
        async with anyio.create_task_group() as clients:
            for number in range(200):
                clients.start_soon(one, jano.url, number)
        status = jano.get("/status")

    assert statuses == [200] * 200
    assert loads(book) == dict.fromkeys(MODELS, 1)
    assert len(entries(book, "request")) == 200, "the servers' own count of what they were asked"
    assert most_at_once(book) == 1
    assert status["requestsServedTotal"] == 200
    assert (status["queueDepth"], status["inFlight"]) == (0, 0)


async def test_the_canonical_burst_is_served_in_one_swap(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = "".join(model_table(name, book, "--load 0.3 --tokens 4") for name in ("chat", "code"))
    burst = ["chat", "code", "chat", "chat", "code", "code"]

    with running_jano(config, tmp_path / "jano") as jano:
        await ask(jano.url, "/v1/chat/completions", chat("chat", user="first"))
        async with anyio.create_task_group() as clients:
            for number, model in enumerate(burst, start=1):
                slow = {"rate": 4} if number == 1 else {}  # so that all come while it runs
                body = chat(model, user=str(number), simulate=slow)
                clients.start_soon(ask, jano.url, "/v1/chat/completions", body)
                await arrived(jano.url, number)

    assert [line["user"] for line in entries(book, "begin")] == ["first", *"134256"]
    assert loads(book) == {"chat": 1, "code": 1}


async def arrived(url: str, number: int) -> None:
    """Wait until the router has seen so many of the burst: its order is what is tested."""
    with anyio.fail_after(10):
        while True:
            status = (await ask(url, "/status")).json()
            waiting = status["queueDepth"] + status["inFlight"]
            if waiting + status["requestsServedTotal"] - 1 >= number:
                return
