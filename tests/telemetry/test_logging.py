"""Log lines in their three forms."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import trio

from jano_core.runtime.log_buffer import LogBuffer
from jano_core.telemetry.log_line import for_journal
from jano_core.telemetry.logging import LAG_S, fields, install, say, settle

log = logging.getLogger("jano.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def lines(request):
    """Install, run the test with the stream, take the handlers away."""
    removers = []

    def start(stream, **options):
        removers.append(install(stream=stream, environ={}, **options))
        return stream

    yield start
    for remove in removers:
        remove()


def test_objects_where_nobody_watches(lines):
    stream = lines(io.StringIO())
    log.info("served", extra=fields(id="1", status=200, err=None))
    log.warning("hm %s", "yes")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert list(first) == ["t", "level", "msg", "id", "status"]
    assert first["t"].endswith("Z")
    assert (first["level"], first["msg"], first["status"]) == ("info", "served", 200)
    assert (second["level"], second["msg"]) == ("warn", "hm yes")


def test_words_on_a_terminal(lines):
    stream = lines(Terminal())
    log.error("swap failed", extra=fields(model="alpha", err="exit status 1", evict=("a", "b")))
    said = stream.getvalue().partition(" ")[2]
    assert said == "error swap failed model=alpha err='exit status 1' evict=a,b\n"


def test_a_traceback_stays_one_object(lines):
    stream = lines(io.StringIO())
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("oops")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: no" in json.loads(line)["trace"]


def test_a_line_is_one_for_every_reader_of_lines(lines):
    stream = lines(io.StringIO())
    log.info("a\u2028b\x85c\nd")
    assert stream.getvalue().count("\n") == 1


def test_every_line_is_redacted_wherever_it_goes(lines):
    routed: list[object] = []
    stream = lines(
        io.StringIO(), redact=lambda line: line.replace("sk-123", "***"), sink=routed.extend
    )
    log.info("key sk-123", extra=fields(header="sk-123"))
    assert "sk-123" not in stream.getvalue() + "".join(map(str, routed))
    assert str(routed[0]).endswith("info  key *** header=***\n")


def test_the_journal_is_told_the_level(tmp_path):
    with (tmp_path / "journal").open("w+") as stream:
        stat = os.fstat(stream.fileno())
        for named, prefixed in ((f"{stat.st_dev}:{stat.st_ino}", True), ("1:2", False)):
            stream.seek(0)
            stream.truncate()
            remove = install(stream=stream, environ={"JOURNAL_STREAM": named})
            log.warning("hm")
            remove()
            stream.seek(0)
            assert stream.read().startswith("<4>{" if prefixed else "{")


def test_a_stream_that_breaks_does_not_break_the_caller(lines, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = lines(io.StringIO())
    stream.close()
    log.info("into the void")


def test_below_the_level_nothing_is_written(lines):
    stream = lines(io.StringIO(), level=logging.WARNING)
    log.info("quiet")
    assert stream.getvalue() == ""


@contextmanager
def alone() -> Iterator[None]:
    """Nobody but who is installed inside hears of lines: not pytest either."""
    root = logging.getLogger()
    others, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = others


def messages(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["msg"] for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("journal", [False, True])
def test_what_is_said_in_a_loop_is_written_together(journal):
    stream, routed = io.StringIO(), []

    async def step() -> None:
        say(log, logging.INFO, "first", {"id": "1"})
        say(log, logging.DEBUG, "below the level", {})
        say(log, logging.INFO, "second", {"id": "2", "key": "sk-123"})
        assert (stream.getvalue(), routed) == ("", [])
        await asyncio.sleep(2 * LAG_S)
        assert (stream.getvalue().count("\n"), len(routed)) == (2, 2)
        say(log, logging.INFO, "third", {})
        log.info("through the library: at once, and after what was said before")
        assert [*map(said_of, stream.getvalue().splitlines())][2:] == ["third", "through"]
        say(log, logging.INFO, "fourth", {})

    def said_of(line: str) -> str:
        return json.loads(line.removeprefix("<6>"))["msg"].split()[0]

    with alone():
        remove = install(
            stream=stream, sink=routed.extend, redact=lambda text: text.replace("sk-123", "***")
        )
        handler = logging.getLogger().handlers[0]
        if journal:
            handler._form = for_journal
        asyncio.run(step())
        asyncio.run(asyncio.sleep(0))  # another loop; the last line waits for nobody there
        remove()
    lines = stream.getvalue().splitlines()
    assert [*map(said_of, lines)] == ["first", "second", "third", "through", "fourth"]
    assert all(line.startswith("<6>{") == journal for line in lines)
    assert json.loads(lines[1].removeprefix("<6>"))["key"] == "***"
    assert [str(each).split("info  ")[1] for each in routed[:2]] == [
        "first id=1\n",
        "second id=2 key=***\n",
    ]


def test_who_reads_the_log_need_not_wait():
    stream, log_buffer = io.StringIO(), LogBuffer(refresh=settle)

    async def step() -> None:
        say(log, logging.INFO, "first", {})
        assert "first" in log_buffer.history()
        say(log, logging.INFO, "second", {})
        async with log_buffer.subscribe() as lines:
            assert messages(stream) == ["first", "second"]
            say(log, logging.INFO, "third", {})
            assert "third" in await anext(lines)

    with alone():
        remove = install(stream=stream, sink=log_buffer.add)
        asyncio.run(step())
        remove()


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_said_elsewhere_is_written_at_once(terminal):
    stream = Terminal() if terminal else io.StringIO()

    async def step() -> None:
        say(log, logging.INFO, "said", {})
        assert "said" in stream.getvalue()

    with alone():
        remove = install(stream=stream)
        say(log, logging.INFO, "before", {})
        assert "before" in stream.getvalue()
        if terminal:
            asyncio.run(step())
        else:
            trio.run(step)
        remove()


def test_whoever_listens_gets_a_record_of_what_is_said(caplog):
    with caplog.at_level(logging.INFO, "jano"):
        say(log, logging.INFO, "said", {"id": "1"})
    (record,) = caplog.records
    assert (record.name, record.getMessage(), record.jano_fields) == (log.name, "said", {"id": "1"})


LAST_WORDS = """
import asyncio, logging, sys
from jano_core.telemetry.logging import install, say
install()
async def main():
    for number in range(3):
        say(logging.getLogger("jano"), logging.INFO, str(number), {})
    {end}
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "end", ["pass", "sys.exit(1)", "1 / 0", "asyncio.get_running_loop().stop()"]
)
def test_nothing_that_was_said_is_lost_at_the_end(end):
    run = subprocess.run(
        [sys.executable, "-c", LAST_WORDS.replace("{end}", end)], capture_output=True, check=False
    )
    said = [json.loads(line)["msg"] for line in run.stdout.splitlines()]
    assert [each for each in said if each.isdigit()] == ["0", "1", "2"]


def test_a_line_that_cannot_be_written_takes_no_other_with_it(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()

    async def step() -> None:
        say(log, logging.INFO, "\udcff", {})
        log.info("this can")

    with alone():
        remove = install(stream=stream)
        asyncio.run(step())
        remove()
    assert messages(stream) == ["this can"]


def test_another_thread_s_line_waits_for_the_next_of_this_one():
    lines: list[str] = []
    writers: set[int] = set()

    def sink(news: Sequence[str]) -> None:
        lines.extend(news)
        writers.add(threading.get_ident())

    remove = install(stream=io.StringIO(), sink=sink, environ={})
    try:
        stray = threading.Thread(target=log.warning, args=("from elsewhere",))
        stray.start()
        stray.join()
        assert lines == [], "the event loop's readers are not to be woken from there"
        log.info("from here")
    finally:
        remove()
    assert [line.rstrip().split(" ", 2)[-1].strip() for line in lines] == [
        "from elsewhere",
        "from here",
    ]
    assert writers == {threading.get_ident()}
