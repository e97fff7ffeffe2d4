from __future__ import annotations

import anyio
import pytest

from jano_core.runtime.log_buffer import BACKLOG, LINES, LogBuffer


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


class Line:
    """Counts how often it was put into words."""

    asked = 0

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        Line.asked += 1
        return self.text


def test_lines_are_put_into_words_when_somebody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "asked", 0)
    log = LogBuffer()
    heard: list[object] = []
    log.listener = heard.append
    log.write("a\n")
    log.add([Line("b\n"), Line("c\n")])
    assert (len(heard), Line.asked) == (3, 0)
    log.write("d\n")
    log.add([Line("e\n")])
    assert [log.history(), log.history()] == ["a\nb\nc\nd\ne\n"] * 2
    assert Line.asked == 3, "once each"
    assert log.tail(2) == "d\ne"


@pytest.mark.anyio
async def test_a_reader_gets_a_line_at_once() -> None:
    log = LogBuffer()
    log.add([Line("before")])
    async with log.subscribe() as lines:
        log.add([Line("now")])
        assert await anext(lines) == "now"
    assert log.history() == "beforenow"


def test_of_too_many_lines_the_newest_stay_without_a_gap() -> None:
    log = LogBuffer(limit_bytes=8 * LINES)
    log.write("old ")
    for number in range(LINES + 1):
        log.add([Line(f"{number} ")])
    kept = log.history().split()
    assert kept == [str(number) for number in range(1, LINES + 1)]
    small = LogBuffer(limit_bytes=10)
    for number in range(LINES - 1):
        small.add([Line(f"{number:04} ")])
    assert small.history() == "2045 2046 "
