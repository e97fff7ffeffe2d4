"""What a restart does not forget, and disks that are no help."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

import msgspec
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
    monkeypatch.setattr(module, "PAGE", 1)
    now = time.time()
    old = ended("chat", id="old", at=now - module.KEPT_SECONDS - 1)
    write(tmp_path, old, *[ended("chat", id=str(number), at=now) for number in range(15)])
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(99)] == [str(number) for number in range(5, 15)]
    again.close()


def test_requests_of_models_that_are_always_up_can_be_left_out(tmp_path: Path):
    now = time.time()
    others = [ended("embed", id=f"e{number}", at=now, resident=True) for number in range(600)]
    write(tmp_path, *[ended("chat", id=str(number), at=now) for number in range(3)], *others)
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(2, residents=False)] == ["1", "2"]
    assert [fact.id for fact in again.requests(2)] == ["e598", "e599"]
    again.close()


def test_at_the_end_it_pauses_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE", 1)
    monkeypatch.setattr(module, "BREATH", 600.0)
    monkeypatch.setattr(module, "GATHER", 0.0)
    write(tmp_path, *[ended("chat", id=str(number), at=time.time()) for number in range(3)])
    again = History(tmp_path)
    assert len(again.requests(9)) == 3
    again.close()


def test_facts_that_come_together_share_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE", 4)
    now = time.time()
    requests = [ended("chat", id=str(number), at=now + number) for number in range(10)]
    write(tmp_path, *requests[:6], swap("chat", "code", 2.0, at=now), *requests[6:])
    with sqlite3.connect(tmp_path / FILE) as connection:
        ids = [id for (id,) in connection.execute("select id from facts order by id")]
    assert ids == [4, 6, 7, 11]
    again = History(tmp_path)
    for limit in (1, 4, 5, 10, 99):
        assert again.requests(limit) == requests[-limit:]
    assert len(again.swaps(now - 1)) == 1
    again.close()


def test_rows_of_single_facts_are_read_as_well(tmp_path: Path):
    first, *others = [ended("chat", id=str(number), at=time.time()) for number in range(3)]
    write(tmp_path, first)
    with sqlite3.connect(tmp_path / FILE) as connection:
        row = (others[0].at, "RequestEnded", msgspec.json.encode(others[0]).decode())
        connection.execute("insert into facts (at, kind, fact) values (?, ?, ?)", row)
    write(tmp_path, others[1])
    again = History(tmp_path)
    assert again.requests(9) == [first, *others]
    again.close()


def test_what_is_too_old_goes_however_few_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    now = time.time()
    write(tmp_path, ended("chat", id="old", at=now - module.KEPT_SECONDS - 1))
    write(tmp_path, ended("chat", id="new", at=now))
    again = History(tmp_path)
    assert [fact.id for fact in again.requests(9)] == ["new"]
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


def broken_schema(folder: Path) -> None:
    """What SQLite says of it quotes bytes that are no UTF-8."""
    write(folder, ended("chat", at=time.time()))
    file = folder / FILE
    file.write_bytes(file.read_bytes().replace(b"CREATE INDEX", b"CREA\xb6E INDEX"))


def no_folder(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("a file where the folder should be")


@pytest.mark.parametrize("spoil", [broken_file, broken_schema, no_folder])
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


def test_what_could_not_be_written_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(module, "GATHER", 0.0)
    broken_file(tmp_path)
    history = History(tmp_path)
    with caplog.at_level(logging.WARNING):
        history.observe(ended("chat", id="lost", at=time.time()))
        end = time.monotonic() + 10
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)
        (tmp_path / FILE).unlink()
        history.observe(ended("chat", id="kept", at=time.time()))
        history.close()
    assert caplog.messages[-1] == "history is kept again; 1 entries were dropped"


def test_nobody_waits_for_a_slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BACKLOG", 10)
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.01)
    history = History(tmp_path)
    for number in range(1000):
        history.observe(ended("chat", id=str(number), at=time.time()))
    assert len(history._entries) <= 10
    history.close()
