"""Clients that hang up at random moments leave nothing behind, and load nothing for nobody."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.house.crowd import Crowd
from tests.processes import alive, open_files
from tests.simulated import entries, loads, model_table
from tests.wire_client import ask, chat, exchange, until

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

MODELS = ("chat", "code", "draw")
SEED = 20260707
SLACK = 1.0  # from the order to load to the first line in the server's book, on a busy machine


async def test_a_thousand_clients_hang_up(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    options = "--load 0.2 --tokens 10 --rate 100 --parallel 8"
    config = "".join(model_table(name, book, options, "parallel = 8") for name in MODELS)
    crowd = Crowd(MODELS, SEED)
    print(f"seed {SEED}")

    with running_jano(config, tmp_path / "jano") as jano:
        before = open_files(jano.pid)
        await crowd.visit(jano.url, 1000, patience=3)
        await until(lambda: idle(jano), "queue and servers are empty", 20)
        starts = entries(book, "start")
        assert (await ask(jano.url, "/v1/chat/completions", chat("chat"))).status == 200
        await ask(jano.url, "/api/models/unload", b"")
        await until(lambda: open_files(jano.pid) <= before + 4, "every connection is closed")

    settled = Counter(key(line) for line in entries(book, "end") + entries(book, "cancelled"))
    assert settled == Counter(key(line) for line in entries(book, "request"))
    for line in starts:
        assert crowd.wanted(line["server"], line["at"], SLACK), f"{line} for nobody"


def key(line: dict[str, Any]) -> tuple[int, int]:
    """A request in the servers' books."""
    return line["pid"], line["id"]


async def test_a_model_whose_clients_all_left_is_never_started(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--load 1 --tokens 2") + model_table("code", book)
    with running_jano(config, tmp_path / "jano") as jano:
        async with anyio.create_task_group() as clients:
            clients.start_soon(ask, jano.url, "/v1/chat/completions", chat("chat"))
            await until(lambda: entries(book, "start", "chat"), "chat loads")
            async with anyio.create_task_group() as short:
                for _ in range(20):
                    short.start_soon(ask, jano.url, "/v1/chat/completions", chat("code"))
                await until(lambda: jano.get("/status")["queueDepth"] >= 20, "all wait")
                short.cancel_scope.cancel()
            await until(lambda: jano.get("/status")["queueDepth"] <= 1, "all have left")
        assert (await ask(jano.url, "/v1/chat/completions", chat("chat"))).status == 200
    assert loads(book) == {"chat": 1}


async def test_a_load_that_nobody_waits_for_any_more_is_given_up(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--load 60")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, "/v1/chat/completions", chat("chat")):
            (started,) = await until(lambda: entries(book, "start"), "chat loads")
        await until(lambda: not alive(started["pid"]), "its server is gone")
        await until(lambda: state_of_chat(jano) == "stopped", "and the router knows")


async def test_a_client_that_leaves_a_stream_frees_the_slot(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--tokens 100000 --rate 50")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, "/v1/chat/completions", chat("chat", stream=True)) as made:
            assert await made.head() == 200
            await anext(made.chunks())
        await until(lambda: entries(book, "cancelled"), "the server was told")
        body = chat("chat", simulate={"tokens": 2})
        assert (await ask(jano.url, "/v1/chat/completions", body)).status == 200
        assert jano.get("/usage")["records"][1]["status"] == 499


def state_of_chat(jano: RunningJano) -> str:
    return str(jano.get("/status")["models"]["chat"]["state"])


def idle(jano: RunningJano) -> bool:
    status = jano.get("/status")
    return status["queueDepth"] == 0 and status["inFlight"] == 0
