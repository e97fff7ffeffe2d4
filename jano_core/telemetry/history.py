"""What outlives a restart: finished requests and swaps, and small figures, in one SQLite file.

A thread of its own writes, from a queue of bounded length; nobody waits for it. Where the disk is
full or the file broken, the log says so once and Jano goes on with what is in memory.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
import time
from pathlib import Path

import msgspec

from .facts import Fact, Listener, RequestEnded, SwapEnded

FILE = "history.sqlite"
KEPT_FACTS = 100_000
KEPT_SECONDS = 30 * 86400
PRUNE_EVERY = 1000
"""Facts written between two looks at what is too old or too much."""
BACKLOG = 4096
"""Entries that may wait for the disk; more are dropped."""
GATHER = 0.5
"""Seconds from the first entry to the commit that takes all that have come meanwhile."""
CLOSE_WITHIN = 2.0

SCHEMA = """
create table if not exists facts (id integer primary key, at real, kind text, fact text);
create index if not exists facts_at on facts (kind, at);
create table if not exists figures (name text primary key, value text);
"""

log = logging.getLogger("jano.history")

_decoders = {kind.__name__: msgspec.json.Decoder(kind) for kind in (RequestEnded, SwapEnded)}


class History(Listener):
    """The file in `folder`, which is made where it is missing. Has the ends of requests and swaps
    written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._entries: queue.Queue[Fact | tuple[str, str] | None] = queue.Queue(BACKLOG)
        self._closing = threading.Event()
        self._lost = 0
        self._broken = False
        self._unpruned = PRUNE_EVERY
        self.hears = dict.fromkeys((RequestEnded, SwapEnded), self._put)
        self._writer = threading.Thread(target=self._run, name="jano-history", daemon=True)
        self._writer.start()

    def requests(self, limit: int) -> list[RequestEnded]:
        """The last `limit` finished requests, oldest first. Reads the disk."""
        return self._read(RequestEnded, "order by id desc limit ?", limit)[::-1]

    def swaps(self, since: float) -> list[SwapEnded]:
        """Swaps that ended after `since` (unix seconds), oldest first. Reads the disk."""
        return self._read(SwapEnded, "and at >= ? order by id", since)

    def figure(self, name: str) -> str:
        """What `keep` was last given under this name, empty if nothing. Reads the disk."""
        rows = self._query("select value from figures where name = ?", name)
        return rows[0][0] if rows else ""

    def keep(self, name: str, value: str) -> None:
        """Have a figure written in place of the one that has this name."""
        self._put((name, value))

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_WITHIN` seconds. Blocks."""
        self._closing.set()
        self._put(None)
        self._writer.join(CLOSE_WITHIN)

    def _put(self, entry: Fact | tuple[str, str] | None) -> None:
        try:
            self._entries.put_nowait(entry)
        except queue.Full:
            self._lost += 1

    # -- in the writer's thread

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        open_ = True
        while open_:
            batch = [self._entries.get()]
            self._closing.wait(GATHER)
            while not self._entries.empty():
                batch.append(self._entries.get_nowait())
            open_ = None not in batch
            try:
                connection = connection or self._connect()
                self._write(connection, batch)
            except (sqlite3.Error, OSError) as error:
                self._fails(error)
                if connection is not None:
                    connection.close()
                    connection = None
            else:
                self._works()
        if connection is not None:
            connection.close()

    def _write(
        self, connection: sqlite3.Connection, batch: list[Fact | tuple[str, str] | None]
    ) -> None:
        facts = [
            (fact.at, type(fact).__name__, msgspec.json.encode(fact).decode())
            for fact in batch
            if isinstance(fact, Fact)
        ]
        figures = [entry for entry in batch if isinstance(entry, tuple)]
        self._unpruned += len(facts)
        with connection:
            connection.executemany("insert into facts (at, kind, fact) values (?, ?, ?)", facts)
            connection.executemany("insert or replace into figures values (?, ?)", figures)
            if self._unpruned >= PRUNE_EVERY:
                oldest = time.time() - KEPT_SECONDS
                newest = "(select max(id) from facts)"
                connection.execute(
                    f"delete from facts where at < ? or id <= {newest} - ?", (oldest, KEPT_FACTS)
                )
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
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read(self, kind: type[Fact], rest: str, value: float) -> list:
        decoder = _decoders[kind.__name__]
        rows = self._query(f"select fact from facts where kind = ? {rest}", kind.__name__, value)
        found = []
        for (text,) in rows:
            try:
                found.append(decoder.decode(text))
            except msgspec.DecodeError:  # written by a version that knew another shape
                continue
        return found

    def _query(self, sql: str, *values: object) -> list[tuple[str, ...]]:
        if not self._path.exists():
            return []
        try:
            connection = self._connect()
            try:
                return connection.execute(sql, values).fetchall()
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            self._fails(error)
            return []
