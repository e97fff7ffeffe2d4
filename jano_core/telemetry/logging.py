"""Log lines: words on a terminal, JSON objects elsewhere, with levels for systemd's journal.

Code logs through the standard library: `log.info("jano listening", extra=fields(port=8082))`.
Lines that come with every request take a shorter way: `say`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import Any, TextIO

from .log_line import FIELDS, Line, Redaction, for_journal, in_json, in_words

_UNUSED = {
    "_srcfile": None,
    "logThreads": False,
    "logProcesses": False,
    "logMultiprocessing": False,
    "logAsyncioTasks": False,
}
"""What `logging` finds out for each line and no line here shows: half of its time. Switches of the
library; see "Optimization" in its HOWTO.
"""

LAG_S = 0.005
"""How long a line may wait inside an event loop, to be written with those that come meanwhile. With
one request after the other, the line of the last would be written before the next is passed on.
"""
STRAYS = 100
"""Lines of other threads that may wait; of more, the newest stay."""

Sink = Callable[[Sequence[object]], None]
"""Takes lines, oldest first, as objects that in words are strings."""

_root = logging.getLogger()
_installed: list[LineHandler] = []


def fields(**values: Any) -> dict[str, Any]:
    """For `extra=`: named values that belong to a line; those that are None are left out."""
    return {FIELDS: {name: value for name, value in values.items() if value is not None}}


def say(logger: logging.Logger, level: int, message: str, values: Mapping[str, Any]) -> None:
    """What `logger.log(level, message, extra=fields(**values))` does, in a fraction of its time
    where nobody but this module hears of the line. To be called in the event loop's thread.
    """
    if not logger.isEnabledFor(level):
        return
    if _installed != _root.handlers or logger.handlers or logger.filters or not logger.propagate:
        logger.handle(_record(logger.name, level, message, values))
        return
    for handler in _installed:
        handler.unwritten.append(Line(time(), level, message, values, handler.redact))
        asked = handler.asked  # which loop runs is a question to the system in some Pythons
        if asked is None or not asked.is_running():
            handler.take_soon()


class LineHandler(logging.Handler):
    """Writes every line to `stream` and hands it to `sink`.

    What `logging` brings is written at once, with all that was said before it in the same thread.
    What is said inside an asyncio loop is taken together after `LAG_S`, or when `settle` is called.

    `sink` is called only in the thread that made the handler, where the event loop is: what another
    thread logs (an exporter, the history) waits for the next line of that one.
    """

    def __init__(self, stream: TextIO, sink: Sink | None, redact: Redaction, journal: bool) -> None:
        super().__init__()
        assert self.lock is not None
        self._alone = self.lock
        """What `acquire` and `release` take and give back, with two calls less."""
        self.redact = redact
        self._stream, self._sink = stream, sink
        self._terminal = stream.isatty()
        json = for_journal if journal else in_json
        self._form = in_words if self._terminal else json
        self.unwritten: list[Line] = []
        """What was said and not written yet."""
        self.asked: AbstractEventLoop | None = None
        """The loop that is to flush soon."""
        self._home = threading.get_ident()
        self._strays: deque[str] = deque(maxlen=STRAYS)

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: a log that cannot be written must not stop the router."""
        try:
            line = Line.of(record, self.redact)
            at_home = threading.get_ident() == self._home
            if at_home:
                self.flush_safely()
            self._write([line])
            words = str(line)
            if at_home:
                self._hand_over([words])
            else:
                self._strays.append(words)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what is unwritten. `logging` calls it when the process ends. Raises `OSError`."""
        with self._alone:
            self.asked = None
            if lines := self.unwritten:
                self.unwritten = []
                if self._sink is not None:
                    if self._strays:
                        self._hand_over(())
                    self._sink(lines)
                self._write(lines)

    def take_soon(self) -> None:
        """Have what is unwritten written after `LAG_S`, at once where no loop is. Never raises."""
        loop = _get_running_loop()
        if loop is None or self._terminal:
            self.flush_safely()
        else:
            self.asked = loop
            loop.call_later(LAG_S, self.flush_safely)

    def flush_safely(self) -> None:
        """As `flush`; never raises."""
        try:
            self.flush()
        except Exception:
            self.handleError(_record(__name__, logging.ERROR, "lines are lost", {}))

    def _write(self, lines: Sequence[Line]) -> None:
        self._stream.write(self.redact(self._form(lines)))
        if not self._stream.line_buffering:
            self._stream.flush()

    def _hand_over(self, lines: Sequence[object]) -> None:
        if self._sink is not None:
            if self._strays:
                strays = [self._strays.popleft() for _ in range(len(self._strays))]
                lines = [*strays, *lines]
            self._sink(lines)


def install(
    *,
    stream: TextIO = sys.stdout,
    sink: Sink | None = None,
    redact: Redaction = str,
    level: int = logging.INFO,
    environ: Mapping[str, str] = os.environ,
) -> Callable[[], None]:
    """Send all log lines of the process to `stream` and, in words once somebody asks, to `sink`.

    `redact` sees all that is finished. The returned call takes the handler away again.
    """
    handler = LineHandler(stream, sink, redact, _is_journal(stream, environ))
    before = _root.level
    _root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    before_quick = {name: getattr(logging, name, None) for name in _UNUSED}
    for name, value in _UNUSED.items():
        setattr(logging, name, value)
    _root.addHandler(handler)
    _installed.append(handler)

    def remove() -> None:
        _root.removeHandler(handler)
        _installed.remove(handler)
        handler.flush_safely()
        _root.setLevel(before)
        for name, value in before_quick.items():
            setattr(logging, name, value)

    return remove


def settle() -> None:
    """Have everything written and handed over that was said. To be called in the event loop's
    thread.
    """
    for handler in _installed:
        handler.flush_safely()


def _record(name: str, level: int, message: str, values: Mapping[str, Any]) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "", 0, message, None, None)
    record.__dict__[FIELDS] = values
    return record


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """systemd names the journal's own stream; a child's redirected output is another one."""
    if not (named := environ.get("JOURNAL_STREAM")):
        return False
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{stat.st_dev}:{stat.st_ino}"
