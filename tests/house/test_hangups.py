"""Clients that hang up at random moments leave nothing behind, and load nothing for nobody."""

from __future__ import annotations

import random
import time
from pathlib import Path

import anyio
import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.processes import alive
from tests.simulated import entries, loads, model_table
from tests.wire_client import ask, chat, exchange, until

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

MODELS = ("chat", "code", "draw")
SEED = 20260707
SLACK = 1.0  # from the order to load to the first line in the server's book, on a busy machine


async def test_a_thousand_clients_hang_up(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    options = "--load 0.2 --tokens 10 --rate 100 --parallel 8"
    config = "".join(model_table(name, book, options) for name in MODELS)
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    present: dict[str, list[tuple[float, float]]] = {model: [] for model in MODELS}

    async def leave_early(url: str, model: str, stream: bool, patience: float) -> None:
        arrival = time.time()
        with anyio.move_on_after(patience):
            await ask(url, "/v1/chat/completions", chat(model, stream=stream))
        present[model].append((arrival, time.time()))

    with running_jano(config, tmp_path / "jano") as jano:
        before = open_files(jano)
        async with anyio.create_task_group() as clients:
            for _ in range(1000):
                model, stream = dice.choice(MODELS), dice.random() < 0.5
                clients.start_soon(leave_early, jano.url, model, stream, dice.uniform(0, 3))
                await anyio.sleep(0.001)
        await until(lambda: idle(jano), "queue and servers are empty", 20)
        starts = entries(book, "start")
        assert (await ask(jano.url, "/v1/chat/completions", chat("chat"))).status == 200
        await ask(jano.url, "/api/models/unload", b"")
        await until(lambda: open_files(jano) <= before + 3, "every connection is closed")

    settled = {line["id"] for line in entries(book, "end") + entries(book, "cancelled")}
    assert settled >= {line["id"] for line in entries(book, "request")}
    for line in starts:
        clients_of_it = present[line["server"]]
        wanted = any(came <= line["at"] <= left + SLACK for came, left in clients_of_it)
        assert wanted, f"{line['server']} was loaded for nobody"


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
        assert jano.get("/status")["models"]["chat"]["state"] == "stopped"


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


def idle(jano: RunningJano) -> bool:
    status = jano.get("/status")
    return status["queueDepth"] == 0 and status["inFlight"] == 0


def open_files(jano: RunningJano) -> int:
    """File descriptors of the router, where the system tells; otherwise 0."""
    folder = Path(f"/proc/{jano.pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0
