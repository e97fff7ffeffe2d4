"""What an answer says of its use, put together by everybody who can read some of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ..plugin.contracts import NOTHING, Usage, UsageNormalizer

Text = bytes | bytearray
Document = Mapping[str, Any]
Choice = tuple[Sequence[UsageNormalizer], Sequence[bytes]]
"""Those that may read something, and the marks of which a line needs one to be worth reading;
empty: of none.
"""

log = logging.getLogger("jano.usage")

_decode = msgspec.json.Decoder().decode


class UsageReader:
    """Asks `normalizers`, weakest first; one object for all answers."""

    def __init__(self, normalizers: Sequence[UsageNormalizer]) -> None:
        self._normalizers = tuple(normalizers)
        every = dict.fromkeys(mark for each in normalizers for mark in each.marks)
        self._marks = tuple((1 << number, mark) for number, mark in enumerate(every))
        """Each mark once, with a bit of its own."""
        self._choices: dict[int, Choice] = {}
        """Bits of the marks that were seen → whom to ask then."""

    def of_document(self, text: Text) -> Usage:
        """What a JSON document says, or a list of some; `NOTHING` where nothing is said."""
        asked, _ = self._choice(text)
        return _summed(asked, _documents(text)) if asked else NOTHING

    def of_stream(self, text: Text, events: bool) -> Usage:
        """What lines of JSON say, or server-sent `events`; later ones over earlier ones."""
        asked, needed = self._choice(text)
        return _summed(asked, _lines(text, events, needed)) if asked else NOTHING

    def _choice(self, text: Text) -> Choice:
        seen, find = 0, text.find
        for bit, mark in self._marks:
            if find(mark) >= 0:  # `in` takes twice as long: it tries for a number first
                seen |= bit
        choice = self._choices.get(seen)
        if choice is None:
            choice = self._choices[seen] = self._choose(seen)
        return choice

    def _choose(self, seen: int) -> Choice:
        marks = tuple(mark for bit, mark in self._marks if seen & bit)
        asked = [each for each in self._normalizers if not each.marks or {*each.marks} & {*marks}]
        return tuple(asked), marks if all(each.marks for each in asked) else ()


def _summed(asked: Sequence[UsageNormalizer], documents: Sequence[Document]) -> Usage:
    """One summary a normalizer, later documents over earlier ones within each."""
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
            counts = summary.prompt_tokens is not None or summary.counts
            summary = replace(summary, count_source=normalizer.name if counts else None)
            found = summary if found is NOTHING else found.merged(summary)
    return found


def _lines(text: Text, events: bool, marks: Sequence[bytes]) -> list[Document]:
    first = min([text.find(mark) for mark in marks], default=0)
    found: list[Document] = []
    for line in text[text.rfind(b"\n", 0, first) + 1 :].splitlines():
        if marks and not any(mark in line for mark in marks):
            continue
        if events:
            if not line.startswith(b"data:"):
                continue
            line = line[5:]
        if (line := line.strip()).startswith(b"{"):
            found += _documents(line)
    return found


def _documents(text: Text) -> Sequence[Document]:
    try:
        document = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    if isinstance(document, dict):
        return (document,)
    return [one for one in document if isinstance(one, dict)] if isinstance(document, list) else ()
