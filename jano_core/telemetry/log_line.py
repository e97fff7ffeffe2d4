"""One line of the log: put into words or made an object when somebody takes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from ..clock import iso

FIELDS = "jano_fields"
"""Under which name a record of `logging` carries the fields of a line."""
LEVELS = {
    logging.DEBUG: ("debug", 7),
    logging.INFO: ("info", 6),
    logging.WARNING: ("warn", 4),
    logging.ERROR: ("error", 3),
    logging.CRITICAL: ("error", 2),
}
"""Level → the word in a line, and syslog's number for the journal."""
USUAL = LEVELS[logging.INFO]

Redaction = Callable[[str], str]

_SEVERAL = (list, tuple)
_json = msgspec.json.Encoder(enc_hook=str)
_traceback = logging.Formatter().formatException


class Line(Struct, gc=False):
    """At `at` (unix seconds) `message` was said, with `fields` beside it; `trace` is a traceback.

    As a string it is in words, redacted, with its end of line.
    """

    at: float
    level: int
    message: str
    fields: Mapping[str, Any]
    redact: Redaction
    trace: str = ""

    @classmethod
    def of(cls, record: logging.LogRecord, redact: Redaction) -> Line:
        """What a record says."""
        trace = _traceback(record.exc_info) if record.exc_info else ""
        fields: Mapping[str, Any] = getattr(record, FIELDS, {})
        return cls(record.created, record.levelno, record.getMessage(), fields, redact, trace)

    def words(self) -> str:
        """`09:30:00.123 info  served id=7 model=chat`, and the traceback below it."""
        pairs = "".join([f" {name}={_bare(value)}" for name, value in self.fields.items()])
        trace = f"\n{self.trace}" if self.trace else ""
        milliseconds = int(self.at % 1 * 1000)
        word, _ = LEVELS.get(self.level, USUAL)
        said = f"{word:5} {self.message}{pairs}{trace}"
        return f"{_clock(int(self.at))}.{milliseconds:03} {said}"

    def object(self) -> dict[str, Any]:
        """`{"t": …, "level": …, "msg": …}` and the fields beside them."""
        word, _ = LEVELS.get(self.level, USUAL)
        found = {"t": iso(self.at), "level": word, "msg": self.message, **self.fields}
        if self.trace:
            found["trace"] = self.trace
        return found

    def __str__(self) -> str:
        return self.redact(self.words() + "\n")


def in_words(lines: Sequence[Line]) -> str:
    """For people."""
    return "".join([f"{line.words()}\n" for line in lines])


def in_json(lines: Sequence[Line]) -> str:
    """For programs: each is one line, whatever is in it."""
    return _json.encode_lines([line.object() for line in lines]).decode()


def for_journal(lines: Sequence[Line]) -> str:
    """For systemd's journal, which takes the level from the head of a line."""
    return "".join([f"<{LEVELS.get(line.level, USUAL)[1]}>{in_json([line])}" for line in lines])


@lru_cache(maxsize=4)
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def _bare(value: Any) -> str:
    if isinstance(value, _SEVERAL):
        return ",".join(map(str, value)) or "-"
    text = str(value)
    plain = text.isalnum() or (text and text.split(None, 1)[0] == text)
    return text if plain else repr(text)
