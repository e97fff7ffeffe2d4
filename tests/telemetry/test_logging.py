"""Log lines in their three forms."""

from __future__ import annotations

import io
import json
import logging
import os
import threading

import pytest

from jano_core.telemetry.logging import fields, install

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


def test_every_line_is_redacted_wherever_it_goes(lines):
    routed: list[str] = []
    stream = lines(
        io.StringIO(), redact=lambda line: line.replace("sk-123", "***"), sink=routed.append
    )
    log.info("key sk-123", extra=fields(header="sk-123"))
    assert "sk-123" not in stream.getvalue() + "".join(routed)
    assert routed[0].endswith("info  key *** header=***\n")


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


def test_another_thread_s_line_waits_for_the_next_of_this_one():
    lines: list[str] = []
    writers: set[int] = set()

    def sink(line: str) -> None:
        lines.append(line)
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
