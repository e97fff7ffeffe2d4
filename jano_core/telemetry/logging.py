"""Log lines: words on a terminal, JSON objects elsewhere, with levels for systemd's journal.

Code logs through the standard library: `log.info("jano listening", extra=fields(port=8082))`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from ..clock import iso

FIELDS = "jano_fields"
LEVELS = {
    logging.DEBUG: ("debug", 7),
    logging.INFO: ("info", 6),
    logging.WARNING: ("warn", 4),
    logging.ERROR: ("error", 3),
    logging.CRITICAL: ("error", 2),
}
"""Level → the word in a line, and syslog's number for the journal."""

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

STRAYS = 100
"""Lines of other threads that may wait; of more, the newest stay."""

_SEVERAL = (list, tuple)
_json = msgspec.json.Encoder(enc_hook=str)

Redaction = Callable[[str], str]
Sink = Callable[[str], None]


def fields(**values: Any) -> dict[str, Any]:
    """For `extra=`: named values that belong to a line; those that are None are left out."""
    return {FIELDS: {name: value for name, value in values.items() if value is not None}}


class Words(logging.Formatter):
    """`09:30:00.123 info  served id=7 model=chat`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it where there is one."""
        word, _ = _level(record)
        pairs = "".join([f" {name}={_bare(value)}" for name, value in _fields(record).items()])
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        clock = _clock(int(record.created))
        return f"{clock}.{record.msecs:03.0f} {word:5} {record.getMessage()}{pairs}{trace}"


class Objects(logging.Formatter):
    """`{"t": …, "level": …, "msg": …}` and the line's fields beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, always."""
        word, _ = _level(record)
        line = {"t": iso(record.created), "level": word, "msg": record.getMessage()}
        line |= _fields(record)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _json.encode(line).decode()


class LineHandler(logging.Handler):
    """Writes redacted lines to `write`; with `journal` each begins with systemd's `<level>`."""

    def __init__(
        self, write: Sink, formatter: logging.Formatter, redact: Redaction, journal: bool = False
    ) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._write, self._redact, self._journal = write, redact, journal

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: a log that cannot be written must not stop the router."""
        try:
            line = self._redact(self.format(record))
            if self._journal:
                _, number = _level(record)
                line = "\n".join(f"<{number}>{part}" for part in line.split("\n"))
            self._write(line + "\n")
        except Exception:
            self.handleError(record)


class HomeHandler(LineHandler):
    """Calls `write` only in the thread that made it, where the event loop is: what another thread
    logs (an exporter, the history) waits for the next line of that one.
    """

    def __init__(self, write: Sink, redact: Redaction) -> None:
        super().__init__(write, Words(), redact)
        self._home = threading.get_ident()
        self._strays: deque[logging.LogRecord] = deque(maxlen=STRAYS)

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, as in the base class."""
        if threading.get_ident() != self._home:
            self._strays.append(record)
            return
        while self._strays:
            super().emit(self._strays.popleft())
        super().emit(record)


def install(
    *,
    stream: TextIO = sys.stdout,
    sink: Sink | None = None,
    redact: Redaction = lambda line: line,
    level: int = logging.INFO,
    environ: Mapping[str, str] = os.environ,
) -> Callable[[], None]:
    """Send all log lines of the process to `stream` and, as words, to `sink`.

    `redact` sees every finished line. The returned call takes the handlers away again.
    """
    formatter = Words() if stream.isatty() else Objects()

    def write(line: str) -> None:
        stream.write(line)
        if not stream.line_buffering:
            stream.flush()

    handlers: list[LineHandler] = [
        LineHandler(write, formatter, redact, journal=_is_journal(stream, environ))
    ]
    if sink is not None:
        handlers.append(HomeHandler(sink, redact))
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    before_quick = {name: getattr(logging, name, None) for name in _UNUSED}
    for name, value in _UNUSED.items():
        setattr(logging, name, value)
    for handler in handlers:
        root.addHandler(handler)

    def remove() -> None:
        for handler in handlers:
            root.removeHandler(handler)
        root.setLevel(before)
        for name, value in before_quick.items():
            setattr(logging, name, value)

    return remove


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """systemd names the journal's own stream; a child's redirected output is another one."""
    if not (named := environ.get("JOURNAL_STREAM")):
        return False
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{stat.st_dev}:{stat.st_ino}"


@lru_cache(maxsize=4)
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def _level(record: logging.LogRecord) -> tuple[str, int]:
    return LEVELS.get(record.levelno, LEVELS[logging.INFO])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, FIELDS, {})
    return found


def _bare(value: Any) -> str:
    if isinstance(value, _SEVERAL):
        return ",".join(map(str, value)) or "-"
    text = str(value)
    plain = text.isalnum() or (text and text.split(None, 1)[0] == text)
    return text if plain else repr(text)
