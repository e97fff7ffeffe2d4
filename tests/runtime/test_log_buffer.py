from __future__ import annotations

import anyio
import pytest

from jano_core.runtime.log_buffer import BACKLOG, LogBuffer


def test_it_keeps_the_last_bytes_and_whole_characters() -> None:
    log = LogBuffer(limit_bytes=10)
    for text in ("one\n", "", "two\n", "drei ü\n"):
        log.write(text)
    assert log.history() == "o\ndrei ü\n"
    log.write("ü" * 20)
    assert log.history() == "ü" * 5
    log.write("x")
    assert log.history() == "ü" * 4 + "x"


def test_tail() -> None:
    log = LogBuffer()
    log.write("a\nb\n")
    log.write("c\nd")
    assert log.tail(3) == "b\nc\nd"
    assert LogBuffer().tail(3) == ""


@pytest.mark.anyio
async def test_a_reader_gets_what_is_written_while_it_listens() -> None:
    log = LogBuffer()
    log.write("before")
    async with log.subscribe() as lines, log.subscribe() as others:
        log.write("now")
        assert await anext(lines) == "now"
        assert await anext(others) == "now"
    log.write("after")


@pytest.mark.anyio
async def test_a_slow_reader_is_told_what_it_missed_and_delays_nobody() -> None:
    log = LogBuffer()
    async with log.subscribe() as lines:
        for _ in range(BACKLOG + 5):
            log.write("12345678")
        for _ in range(BACKLOG):
            assert await anext(lines) == "12345678"
        log.write("again")
        assert await anext(lines) == "\n[40 characters missed]\nagain"
        with anyio.move_on_after(1) as nothing_more:
            await anext(lines)
        assert nothing_more.cancelled_caught
