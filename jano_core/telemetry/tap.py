"""Reads token counts out of the bytes that pass, without holding or changing any of them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from ..plugin.contracts import NOTHING, Usage, UsageNormalizer

CAP = 64 * 1024
"""How much of an answer is kept for reading: all of a document, the end of a stream."""
HEAD = 8 * 1024
"""And the start of a stream, where Anthropic's dialect says how long the prompt was."""

EVENT_STREAM = "text/event-stream"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")

log = logging.getLogger("jano.usage")


class Tap:
    """One answer's tap. `feed` every chunk as it passes, then ask for the `result` once.

    A compressed answer is not read. `now` gives monotonic seconds.
    """

    def __init__(
        self,
        content_type: str,
        normalizers: Sequence[UsageNormalizer],
        *,
        encoding: str = "",
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        self._events = kind == EVENT_STREAM
        self._streamed = self._events or kind in LINES
        self._normalizers = normalizers
        self._now = now
        self._open = encoding.strip().lower() in ("", "identity")
        self._head: list[bytes] = []
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._chunks = 0
        self._first_at = 0.0

    def feed(self, chunk: bytes) -> None:
        """Note a chunk; constant time, whatever the answer's length."""
        if not self._open or not chunk:
            return
        self._chunks += 1
        if self._chunks == 1:
            self._first_at = self._now()
        if self._streamed:
            self._feed_stream(chunk)
        elif self._tail_size + len(chunk) > CAP:
            self._open = False
            self._tail.clear()
        else:
            self._keep(chunk)

    def result(self) -> Usage | None:
        """What the answer said of itself, None if nothing. To be called when it has ended."""
        if not self._open:
            return None
        found = reduce(Usage.merged, self._read(), NOTHING)
        if self._streamed and found.generated_per_second is None:
            found = found.merged(self._own_rate(found.generated_tokens))
        return None if found == NOTHING else found

    def _feed_stream(self, chunk: bytes) -> None:
        if not self._tail and self._head_size + len(chunk) <= HEAD:
            self._head.append(chunk)
            self._head_size += len(chunk)
            return
        self._keep(chunk)
        while self._tail_size > CAP and len(self._tail) > 1:
            self._tail_size -= len(self._tail.popleft())

    def _keep(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._tail_size += len(chunk)

    def _read(self) -> Iterator[Usage]:
        """One summary a normalizer, later documents over earlier ones within each."""
        text = b"".join((*self._head, *self._tail))
        documents = list(_lines(text, self._events) if self._streamed else _whole(text))
        for normalizer in self._normalizers:
            try:
                reports = [report for one in documents if (report := normalizer.read(one))]
            except Exception:  # a plugin's mistake may cost a number, never an answer
                log.exception("usage normalizer %s raised", type(normalizer).__name__)
                continue
            if reports:
                found = reduce(Usage.merged, reports)
                yield replace(found, count_source=normalizer.name if found.counts else None)

    def _own_rate(self, tokens: int | None) -> Usage:
        """Tokens over the time that they took to pass: of no meaning for one lump of bytes."""
        seconds = self._now() - self._first_at
        if not tokens or self._chunks < 2 or seconds <= 0:
            return Usage()
        return Usage(generated_per_second=tokens / seconds, source="clock")


def _lines(text: bytes, events: bool) -> Iterable[Mapping[str, Any]]:
    for line in text.splitlines():
        if events:
            if not line.startswith(b"data:"):
                continue
            line = line[5:]
        if (line := line.strip()).startswith(b"{"):
            yield from _whole(line)


def _whole(text: bytes) -> Iterable[Mapping[str, Any]]:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for one in document if isinstance(document, list) else [document]:
        if isinstance(one, dict):
            yield one
