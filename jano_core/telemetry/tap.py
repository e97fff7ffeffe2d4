"""Reads token counts out of the bytes that pass, without holding or changing any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import anyio
from msgspec import Struct

from ..plugin.contracts import NOTHING, Usage
from .usage_reader import UsageReader

CAP = 64 * 1024
"""How much of an answer is kept for reading: all of a document, the end of a stream."""
HEAD = 8 * 1024
"""And the start of a stream, where Anthropic's dialect says how long the prompt was."""
FULL = HEAD + CAP + 16 * 1024
"""Of a stream that is longer the middle goes, so that not every chunk moves its end."""

EVENT_STREAM = "text/event-stream"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
PLAIN = ("", "identity")

Form = Literal["document", "lines", "events"]


class Tap(Protocol):
    """One answer's tap."""

    def feed(self, chunk: bytes) -> None:
        """Note a chunk; constant time, whatever the answer's length."""
        ...

    def result(self) -> Usage | None:
        """What the answer said of itself, None if nothing. To be called when it has ended."""
        ...


def tap(
    content_type: str,
    reader: UsageReader,
    *,
    encoding: str = "",
    now: Callable[[], float] = anyio.current_time,
) -> Tap:
    """A tap for an answer of this type, to be fed every chunk as it passes.

    A compressed answer is not read. `now` gives monotonic seconds.
    """
    if encoding and encoding.strip().lower() not in PLAIN:
        return UNREAD
    form = _USUAL.get(content_type) or _form(content_type)
    if form == "document":
        return DocumentTap(reader)
    return StreamTap(reader, form == "events", now)


class _Unread:
    """The tap of what cannot be read."""

    def feed(self, chunk: bytes) -> None:
        """Nothing is noted."""

    def result(self) -> None:
        """Nothing is known."""


class DocumentTap(Struct, eq=False, gc=False):
    """Keeps a document that is not too long."""

    _reader: UsageReader
    _kept: bytes | bytearray | None = b""
    """None: it is too long."""

    def feed(self, chunk: bytes) -> None:
        """See `Tap`."""
        kept = self._kept
        if kept is None:
            return
        if len(kept) + len(chunk) > CAP:
            self._kept = None
        elif not kept:
            self._kept = chunk  # as a rule there is no other
        else:
            if isinstance(kept, bytes):
                kept = self._kept = bytearray(kept)
            kept += chunk

    def result(self) -> Usage | None:
        """See `Tap`."""
        if self._kept is None:
            return None
        found = self._reader.of_document(self._kept)
        return None if found == NOTHING else found


class StreamTap(Struct, eq=False, gc=False):
    """Keeps the start of a stream and its end."""

    _reader: UsageReader
    _events: bool
    _now: Callable[[], float]
    _kept: bytearray = bytearray()
    _chunks: int = 0
    _first_at: float = 0.0

    def feed(self, chunk: bytes) -> None:
        """See `Tap`."""
        if not chunk:
            return
        kept = self._kept
        self._chunks += 1
        if not kept:
            self._first_at = self._now()
        elif len(kept) > FULL:
            kept[HEAD:-CAP] = b"\n"
        kept += chunk

    def result(self) -> Usage | None:
        """See `Tap`."""
        found = self._reader.of_stream(self._kept, self._events)
        if found.generated_per_second is None:
            found = found.merged(self._own_rate(found.generated_tokens))
        return None if found == NOTHING else found

    def _own_rate(self, tokens: int | None) -> Usage:
        """Tokens over the time that they took to pass: of no meaning for one lump of bytes."""
        if not tokens or self._chunks < 2:
            return NOTHING
        seconds = self._now() - self._first_at
        if seconds <= 0:
            return NOTHING
        return Usage(generated_per_second=tokens / seconds, source="clock")


UNREAD = _Unread()


def _form(content_type: str) -> Form:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == EVENT_STREAM:
        return "events"
    return "lines" if kind in LINES else "document"


_USUAL: dict[str, Form] = {
    "application/json": "document",
    "application/json; charset=utf-8": "document",
    EVENT_STREAM: "events",
    f"{EVENT_STREAM}; charset=utf-8": "events",
}
