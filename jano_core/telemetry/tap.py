"""Reads token counts out of the bytes that pass, without holding or changing any of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from ..plugin.contracts import NOTHING, Usage, UsageNormalizer

CAP = 64 * 1024
"""How much of an answer is kept for reading: all of a document, the end of a stream."""
HEAD = 8 * 1024
"""And the start of a stream, where Anthropic's dialect says how long the prompt was."""
FULL = HEAD + CAP + 16 * 1024
"""Of a stream that is longer the middle goes, so that not every chunk moves its end."""

EVENT_STREAM = "text/event-stream"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")

log = logging.getLogger("jano.usage")

_decode = msgspec.json.Decoder().decode


class Tap:
    """One answer's tap. `feed` every chunk as it passes, then ask for the `result` once.

    A compressed answer is not read. `now` gives monotonic seconds.
    """

    __slots__ = (
        "_chunks",
        "_events",
        "_first_at",
        "_kept",
        "_normalizers",
        "_now",
        "_open",
        "_streamed",
    )

    def __init__(
        self,
        content_type: str,
        normalizers: Sequence[UsageNormalizer],
        *,
        encoding: str = "",
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._open, self._streamed, self._events = _form(content_type, encoding)
        self._normalizers = tuple(normalizers)
        self._now = now
        self._kept = bytearray()
        self._chunks = 0

    def feed(self, chunk: bytes) -> None:
        """Note a chunk; constant time, whatever the answer's length."""
        if not self._open or not chunk:
            return
        kept = self._kept
        if self._streamed:
            self._chunks += 1
            if not kept:
                self._first_at = self._now()
            elif len(kept) > FULL:
                kept[HEAD:-CAP] = b"\n"
        elif len(kept) + len(chunk) > CAP:
            self._open = False
            kept.clear()
            return
        kept += chunk

    def result(self) -> Usage | None:
        """What the answer said of itself, None if nothing. To be called when it has ended."""
        found = self._read() if self._open else NOTHING
        if self._streamed and found.generated_per_second is None:
            found = found.merged(self._own_rate(found.generated_tokens))
        return None if found == NOTHING else found

    def _read(self) -> Usage:
        """One summary a normalizer, later documents over earlier ones within each."""
        text = bytes(self._kept)
        seen: tuple[bytes, ...] = ()
        for mark in _marks(self._normalizers):
            if text.find(mark) >= 0:  # `in` takes twice as long: it tries for a number first
                seen += (mark,)
        asked = _asked(self._normalizers, seen)
        if not asked:
            return NOTHING
        documents = (
            [*_lines(text, self._events, _needed(asked, seen))] if self._streamed else _whole(text)
        )
        found = NOTHING
        for normalizer in asked:
            summary = None
            try:
                for document in documents:
                    if report := normalizer.read(document):
                        summary = report if summary is None else summary.merged(report)
            except Exception:  # a plugin's mistake may cost a number, never an answer
                log.exception("usage normalizer %s raised", type(normalizer).__name__)
                continue
            if summary is not None:
                name = normalizer.name if summary.counts else None
                summary = replace(summary, count_source=name)
                found = summary if found is NOTHING else found.merged(summary)
        return found

    def _own_rate(self, tokens: int | None) -> Usage:
        """Tokens over the time that they took to pass: of no meaning for one lump of bytes."""
        if not tokens or self._chunks < 2:
            return NOTHING
        seconds = self._now() - self._first_at
        if seconds <= 0:
            return NOTHING
        return Usage(generated_per_second=tokens / seconds, source="clock")


@lru_cache(maxsize=64)
def _form(content_type: str, encoding: str) -> tuple[bool, bool, bool]:
    """Can it be read, is it a stream, and one of events?"""
    kind = content_type.partition(";")[0].strip().lower()
    events = kind == EVENT_STREAM
    return encoding.strip().lower() in ("", "identity"), events or kind in LINES, events


@lru_cache(maxsize=8)
def _marks(normalizers: tuple[UsageNormalizer, ...]) -> tuple[bytes, ...]:
    """Each mark once."""
    return tuple(dict.fromkeys(mark for each in normalizers for mark in each.marks))


@lru_cache(maxsize=64)
def _asked(
    normalizers: tuple[UsageNormalizer, ...], seen: tuple[bytes, ...]
) -> tuple[UsageNormalizer, ...]:
    """Those that may read something in what these marks were seen in."""
    return tuple(each for each in normalizers if not each.marks or {*each.marks} & {*seen})


def _needed(asked: Sequence[UsageNormalizer], seen: Sequence[bytes]) -> Sequence[bytes]:
    """Of which marks a line needs one to be worth reading; empty: of none."""
    return seen if all(each.marks for each in asked) else ()


def _lines(text: bytes, events: bool, marks: Sequence[bytes]) -> Iterator[Mapping[str, Any]]:
    first = min((text.find(mark) for mark in marks), default=0)
    for line in text[text.rfind(b"\n", 0, first) + 1 :].splitlines():
        if marks and not any(mark in line for mark in marks):
            continue
        if events:
            if not line.startswith(b"data:"):
                continue
            line = line[5:]
        if (line := line.strip()).startswith(b"{"):
            yield from _whole(line)


def _whole(text: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        document = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    if isinstance(document, dict):
        return (document,)
    return [one for one in document if isinstance(one, dict)] if isinstance(document, list) else ()
