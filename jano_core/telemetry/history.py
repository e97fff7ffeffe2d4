"""What outlives a restart: finished requests and swaps, and small figures, in one SQLite file.

A thread of its own writes what has gathered, which is bounded; nobody waits for it. Where the disk
is full or the file broken, the log says so once and Jano goes on with what is in memory.

Facts of a kind that came together share a row, as a JSON array: a row for each takes twice the
processor's time. Its id is the number of the last of them, so that ids count facts.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import msgspec

from .facts import Fact, Listener, RequestEnded, SwapEnded

FILE = "history.sqlite"
KEPT_FACTS = 100_000
KEPT_SECONDS = 30 * 86400
PRUNE_EVERY = 1000
"""Facts written between two looks at what is too old or too much."""
BACKLOG = 10_000
"""Entries that may wait for the disk; more are dropped."""
PAGE = 256
"""Facts in one row at most."""
GATHER = 0.5
"""Seconds from the first entry to the commit that takes all that have come meanwhile."""
BREATH = 0.005
"""Seconds between two pages: to put one into JSON holds the interpreter, and with it the event
loop, for a fraction of a millisecond.
"""
CLOSE_WITHIN = 2.0

SCHEMA = """
create table if not exists facts (id integer primary key, at real, kind text, fact text);
create index if not exists facts_at on facts (kind, at);
create table if not exists figures (name text primary key, value text);
"""

ADD = """insert into facts values ((select coalesce(max(id), 0) from facts) + ?, ?, ?, ?)"""
SET = "insert or replace into figures values (?, ?)"
FORGET_MANY = "delete from facts where id <= (select max(id) from facts) - ?"
FORGET_OLD = "delete from facts where id < (select id from facts where at >= ? order by id limit 1)"

log = logging.getLogger("jano.history")

_decoders = {
    kind.__name__: msgspec.json.Decoder(kind | list[kind])  # type: ignore[valid-type]
    for kind in (RequestEnded, SwapEnded)
}


class History(Listener):
    """The file in `folder`, which is made where it is missing. Has the ends of requests and swaps
    written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._entries: deque[Fact | tuple[str, str]] = deque()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._lost = 0
        self._broken = False
        self._unpruned = PRUNE_EVERY
        self.hears = dict.fromkeys((RequestEnded, SwapEnded), self._put)
        self._writer = threading.Thread(target=self._run, name="jano-history", daemon=True)
        self._writer.start()

    def requests(self, limit: int, *, residents: bool = True) -> list[RequestEnded]:
        """The last `limit` finished requests, oldest first; those of resident models too, or none
        of them. Reads the disk.
        """
        # The plus keeps the index out, with which all rows would be sorted first.
        pages = self._read(RequestEnded, "where +kind = ? order by id desc")
        newest_first = (fact for page in pages for fact in reversed(page))
        asked = (fact for fact in newest_first if residents or not fact.resident)
        return [*islice(asked, limit)][::-1]

    def swaps(self, since: float) -> list[SwapEnded]:
        """Swaps that ended after `since` (unix seconds), oldest first. Reads the disk."""
        pages = self._read(SwapEnded, "where kind = ? and at >= ? order by id", since)
        return [fact for page in pages for fact in page if fact.at >= since]

    def figure(self, name: str) -> str:
        """What `keep` was last given under this name, empty if nothing. Reads the disk."""
        return next(self._texts("select value from figures where name = ?", name), "")

    def keep(self, name: str, value: str) -> None:
        """Have a figure written in place of the one that has this name."""
        self._put((name, value))

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_WITHIN` seconds. Blocks."""
        self._closing.set()
        self._news.set()
        self._writer.join(CLOSE_WITHIN)

    def _put(self, entry: Fact | tuple[str, str]) -> None:
        if len(self._entries) >= BACKLOG:
            self._lost += 1
            return
        self._entries.append(entry)
        if not self._news.is_set():
            self._news.set()

    # -- in the writer's thread

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        open_ = True
        while open_:
            self._news.wait()
            self._closing.wait(GATHER)
            self._news.clear()  # before the entries are taken: what comes now is not overlooked
            open_ = not self._closing.is_set()
            batch = [self._entries.popleft() for _ in range(len(self._entries))]
            if not batch:
                continue
            try:
                connection = connection or self._connect()
                self._write(connection, batch)
            except Exception as error:  # of a damaged file sqlite tells in words that are no UTF-8
                self._fails(error)
                self._lost += len(batch)
                if connection is not None:
                    connection.close()
                    connection = None
            else:
                self._works()
        if connection is not None:
            connection.close()

    def _write(self, connection: sqlite3.Connection, batch: Sequence[Any]) -> None:
        with connection:
            for kind, alike in groupby(batch, type):
                while page := [*islice(alike, PAGE)]:
                    if kind is tuple:
                        connection.executemany(SET, page)
                    else:
                        connection.execute(ADD, _row(page))
                        self._unpruned += len(page)
                    self._closing.wait(BREATH)
            if self._unpruned >= PRUNE_EVERY:
                connection.execute(FORGET_MANY, (KEPT_FACTS,))
                connection.execute(FORGET_OLD, (time.time() - KEPT_SECONDS,))
                self._unpruned = 0

    def _fails(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            text = "history is not kept, only what is in memory; %s: %s"
            log.warning(text, self._path, error)

    def _works(self) -> None:
        if self._broken or self._lost:
            log.warning("history is kept again; %d entries were dropped", self._lost)
            self._broken, self._lost = False, 0

    # -- in whichever thread asks

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It tells who asked when: nobody else's business.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=CLOSE_WITHIN)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.executescript(SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, kind: type[Fact], where: str, *values: object) -> Iterator[list[Any]]:
        """Rows of facts, one after the other."""
        decoder = _decoders[kind.__name__]
        for text in self._texts(f"select fact from facts {where}", kind.__name__, *values):
            try:
                found = decoder.decode(text)
            except msgspec.DecodeError:  # written by a version that knew another shape
                continue
            yield found if isinstance(found, list) else [found]

    def _texts(self, sql: str, *values: object) -> Iterator[str]:
        if not self._path.exists():
            return
        try:
            with closing(self._connect()) as connection:
                for (text,) in connection.execute(sql, values):
                    if isinstance(text, str):  # a damaged file may hold anything
                        yield text
        except Exception as error:  # as when writing
            self._fails(error)


def _row(page: Sequence[Fact]) -> tuple[int, float, str, str]:
    """By how much the ids go on, and the other columns."""
    last = page[-1]
    return len(page), last.at, type(last).__name__, msgspec.json.encode(page).decode()
