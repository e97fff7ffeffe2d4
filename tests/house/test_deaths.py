"""Violent ends, of model servers and of Jano itself, and the gentle one."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import sys
from pathlib import Path

import anyio
import h11
import pytest

from jano_core.testing.running import running_jano, start_jano
from tests.processes import alive
from tests.simulated import entries, model_table
from tests.wire_client import ask, chat, events, exchange, until

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"


def pid_of_last(book: Path) -> int:
    """The server that was started last."""
    return int(entries(book, "start")[-1]["pid"])


def free_numbers(pid: int, count: int) -> list[int]:
    """Those that the next files will have that the process opens."""
    taken = {int(file.name) for file in Path(f"/proc/{pid}/fd").iterdir()}
    return list(itertools.islice((n for n in itertools.count() if n not in taken), count))


async def test_a_ready_server_that_is_killed_is_loaded_again(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    with running_jano(model_table("chat", book), tmp_path / "jano") as jano:
        assert (await ask(jano.url, CHAT, chat("chat"))).status == 200
        os.kill(pid_of_last(book), signal.SIGKILL)
        await until(
            lambda: jano.get("/status")["models"]["chat"]["state"] == "stopped", "it is noticed"
        )
        assert (await ask(jano.url, CHAT, chat("chat"))).status == 200
    assert len(entries(book, "start")) == 2


async def test_a_server_killed_before_it_is_ready_fails_the_load(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--load 1")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat")) as made:
            await until(lambda: entries(book, "start"), "it loads")
            os.kill(pid_of_last(book), signal.SIGKILL)
            answer = await made.answer()
        assert answer.status == 503
        assert answer.json()["error"]["code"] == "model_load_failed"
        assert (await ask(jano.url, CHAT, chat("chat"))).status == 200


async def test_a_server_killed_before_its_first_byte_costs_the_client_nothing(
    tmp_path: Path,
) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--first-token 1 --tokens 2")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat")) as made:
            await until(lambda: entries(book, "begin"), "it is at work")
            os.kill(pid_of_last(book), signal.SIGKILL)
            assert (await made.answer()).status == 200
    assert len(entries(book, "request")) == 2, "asked once more, after a reload"


async def test_a_stream_whose_server_is_killed_says_so(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--tokens 1000 --rate 50")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat", stream=True)) as made:
            await made.head()
            chunks = made.chunks()
            body = await anext(chunks)
            os.kill(pid_of_last(book), signal.SIGKILL)
            async for chunk in chunks:
                body += chunk
        last = json.loads(events(body)[-1])
        assert last["error"]["code"] == "upstream_failed"
        short = chat("chat", simulate={"tokens": 2})
        assert (await ask(jano.url, CHAT, short)).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can set another's limits")
async def test_a_server_outlives_jano_s_want_of_open_files(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--tokens 40 --rate 20 --parallel 2", "parallel = 2")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat", stream=True)) as made:
            await made.head()
            limits = resource.prlimit(jano.pid, resource.RLIMIT_NOFILE)
            # One more client, and nothing to ask the server with.
            _, second = free_numbers(jano.pid, 2)
            resource.prlimit(jano.pid, resource.RLIMIT_NOFILE, (second, limits[1]))
            answer = await ask(jano.url, CHAT, chat("chat"))
            resource.prlimit(jano.pid, resource.RLIMIT_NOFILE, limits)
            assert answer.status == 503 and answer.headers["retry-after"] == "1"
            assert "open files" in answer.json()["error"]["message"]
            body = b"".join([chunk async for chunk in made.chunks()])
        assert events(body)[-1] == "[DONE]"
    assert len(entries(book, "start")) == 1


async def test_jano_killed_leaves_no_orphan_and_starts_again(tmp_path: Path) -> None:
    book, folder = tmp_path / "books.jsonl", tmp_path / "jano"
    config = model_table("chat", book, "--tokens 1000 --rate 50") + model_table(
        "code", book, "--load 60 --ignore-term"
    )
    jano = start_jano(config, folder)
    async with exchange(jano.url, CHAT, chat("chat", stream=True)) as made:
        await made.head()
        await anext(made.chunks())
        jano.kill()
    orphan = pid_of_last(book)
    await until(lambda: not alive(orphan), "the model server died with Jano")

    with running_jano(config, folder) as again:
        short = chat("chat", simulate={"tokens": 2})
        assert (await ask(again.url, CHAT, short)).status == 200


async def test_a_grandchild_that_outlives_jano_is_ended_at_the_next_start(tmp_path: Path) -> None:
    book, folder = tmp_path / "books.jsonl", tmp_path / "jano"
    config = model_table("chat", book, "--wrap --ignore-term", 'stop_timeout = "500ms"')
    jano = start_jano(config, folder)
    assert (await ask(jano.url, CHAT, chat("chat"))).status == 200
    inner = pid_of_last(book)
    jano.kill()
    with running_jano(config, folder) as again:
        await until(lambda: not alive(inner), "the grandchild is gone")
        assert (await ask(again.url, CHAT, chat("chat"))).status == 200


async def test_a_running_stream_ends_whole_when_jano_is_told_to_stop(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = model_table("chat", book, "--tokens 30 --rate 20")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat", stream=True)) as made:
            await made.head()
            chunks = made.chunks()
            body = await anext(chunks)
            jano.terminate()
            with pytest.raises((OSError, anyio.BrokenResourceError, h11.RemoteProtocolError)):
                while True:  # refused from a moment after the signal on
                    await ask(jano.url, "/health")
            assert not entries(book, "end"), "the stream still runs"
            async for chunk in chunks:
                body += chunk
        assert events(body)[-1] == "[DONE]"
        assert jano.wait() == 0
    assert not alive(pid_of_last(book))


async def test_a_stream_longer_than_the_grace_is_ended_with_an_error(tmp_path: Path) -> None:
    book = tmp_path / "books.jsonl"
    config = '[server]\nshutdown_grace = "500ms"\n\n'
    config += model_table("chat", book, "--tokens 100000 --rate 50")
    with running_jano(config, tmp_path / "jano") as jano:
        async with exchange(jano.url, CHAT, chat("chat", stream=True)) as made:
            await made.head()
            chunks = made.chunks()
            body = await anext(chunks)
            jano.terminate()
            with anyio.fail_after(20):
                async for chunk in chunks:
                    body += chunk
        assert json.loads(events(body)[-1])["error"]["code"] == "shutting_down"
        assert jano.wait() == 0
    assert not alive(pid_of_last(book))
