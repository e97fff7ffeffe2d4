"""What a restart does not forget, and disks that are no help."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

import pytest

from jano_core.telemetry import history as module
from jano_core.telemetry.history import FILE, History

from .figures import ended, swap


def write(folder: Path, *facts: object, **figures: str) -> None:
    history = History(folder)
    for fact in facts:
        history.observe(fact)  # type: ignore[arg-type]
    for name, value in figures.items():
        history.keep(name, value)
    history.close()


def test_the_next_run_finds_it(tmp_path: Path):
    folder, now = tmp_path / "state", time.time()
    requests = [ended("chat", id=str(number), at=now + number) for number in range(5)]
    swaps = [swap("chat", "code", 2.0, at=now - 9000), swap("code", "chat", 1.0, at=now)]
    write(folder, *requests, *swaps, day="old", other="x")
    write(folder, day="new")
    again = History(folder)
    assert again.requests(3) == requests[2:]
    assert again.swaps(now - 3600) == swaps[1:]
    assert (again.figure("day"), again.figure("other"), again.figure("none")) == ("new", "x", "")
    again.close()
    assert (folder / FILE).stat().st_mode & 0o077 == 0, "it tells who asked when"


def test_it_keeps_so_much_and_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT_FACTS", 10)
    monkeypatch.setattr(module, "PRUNE_EVERY", 1)
    now = time.time()
    old = ended("chat", id="old", at=now - module.KEPT_SECONDS - 1)
    write(tmp_path, old, *[ended("chat", id=str(number), at=now) for number in range(15)])
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(99)] == [str(number) for number in range(5, 15)]
    again.close()


def test_a_row_of_another_version_is_passed_over(tmp_path: Path):
    write(tmp_path, ended("chat", id="1", at=time.time()))
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("insert into facts (at, kind, fact) values (0, 'RequestEnded', '{}')")
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(9)] == ["1"]
    again.close()


def broken_file(folder: Path) -> None:
    (folder / FILE).write_bytes(b"this is no database" * 100)


def no_folder(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("a file where the folder should be")


@pytest.mark.parametrize("spoil", [broken_file, no_folder])
def test_a_disk_that_fails_is_said_once(
    spoil: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "state"
    folder.mkdir()
    spoil(folder)  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        history = History(folder)
        assert history.requests(5) == []
        history.observe(ended("chat", at=time.time()))
        history.close()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith("history is not kept, only what is in memory")


def test_a_full_disk_that_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    write(tmp_path, ended("chat", id="first", at=time.time()))
    connect = History._connect

    def full(self: History) -> sqlite3.Connection:
        connection = connect(self)
        connection.execute("pragma max_page_count = 1")
        return connection

    monkeypatch.setattr(History, "_connect", full)
    with caplog.at_level(logging.WARNING):
        write(tmp_path, ended("chat", error="x" * 100_000, at=time.time()))
    assert "database or disk is full" in caplog.text
    monkeypatch.setattr(History, "_connect", connect)
    write(tmp_path, ended("chat", id="last", at=time.time()))
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(9)] == ["first", "last"]
    again.close()


def test_nobody_waits_for_a_slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BACKLOG", 10)
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.01)
    history = History(tmp_path)
    for number in range(1000):
        history.observe(ended("chat", id=str(number), at=time.time()))
    assert history._entries.qsize() <= 10
    history.close()
