"""Whole requests and answers, for looking into: off by default, in memory, bounded, redacted."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from mmap import mmap
from typing import Any

from .facts import RequestEnded

SECRET = frozenset(
    {b"authorization", b"auth", b"cookie", b"key", b"apikey", b"token", b"secret", b"password"}
)
"""A header with one of these words in its name is not shown: every gateway has its own names."""
_WORD = re.compile(rb"[-_]")
REDACTED = "[redacted]"
UNREADABLE = ("audio/", "image/", "video/", "multipart/")
"""Content types whose bodies are never kept."""
OVERHEAD = 1024
"""What an exchange counts for besides its bodies, in bytes."""
SHARE = 4
"""A single body may take this part of the budget; the rest of it is cut off."""

Headers = Sequence[tuple[bytes, bytes]]


class Capture:
    """One exchange on its way; made by `Captures.begin`."""

    def __init__(self, captures: Captures, path: str, headers: Headers) -> None:
        self.path = path
        self.headers = _shown(headers)
        self.request = Recording(captures, headers)
        self.answer = Recording(captures, ())
        self.answer_headers: dict[str, str] = {}
        self._captures = captures

    def answered(self, headers: Headers) -> None:
        """The head of an answer came; a second one, of another server, takes the first's place."""
        self.answer.drop()
        self.answer_headers = _shown(headers)
        self.answer = Recording(self._captures, headers)

    def feed(self, chunk: bytes) -> None:
        """Note a chunk of the answer as it passes."""
        self.answer.add(chunk)

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return OVERHEAD + self.request.size + self.answer.size


class Recording:
    """A body as far as it is kept."""

    def __init__(self, captures: Captures, headers: Headers) -> None:
        self._captures = captures
        self._pieces: list[bytes] = []
        self.size = 0
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        self.cut = kind.decode("latin-1").lower().startswith(UNREADABLE)

    def add(self, piece: bytes) -> None:
        """Keep the piece, as far as there is room; after the first cut nothing more is."""
        if self.cut:
            return
        fitting = piece[: max(0, self._captures.limit - self.size)]
        self.cut = len(fitting) < len(piece)
        if self._captures.take(len(fitting)):
            self._pieces.append(fitting)
            self.size += len(fitting)
        else:
            self.cut = True

    def drop(self) -> None:
        """Forget the body and give its room back."""
        self._captures.give_back(self.size)
        self._pieces, self.size = [], 0

    def base64(self) -> str:
        """What was kept."""
        return b64encode(b"".join(self._pieces)).decode()


class Captures:
    """The last exchanges whose bodies fit into `budget` bytes together; 0: nothing is captured."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._size = 0
        self.open: dict[str, Capture] = {}
        """Request → its exchange, while it is on its way."""
        self._kept: dict[int, tuple[Capture, RequestEnded]] = {}

    @property
    def limit(self) -> int:
        """Bytes that a single body may take."""
        return self.budget // SHARE

    def begin(
        self, id: str, path: str, headers: Headers, body: bytes | bytearray | mmap
    ) -> Capture | None:
        """Capture the exchange of request `id`; None where nothing is captured."""
        if not self.budget or not self.take(OVERHEAD):
            return None
        capture = self.open[id] = Capture(self, path, headers)
        capture.request.add(bytes(body[: self.limit + 1]))
        return capture

    def keep(self, number: int, fact: RequestEnded) -> None:
        """The request has ended and has this number in the activity log."""
        if (capture := self.open.pop(fact.id, None)) is None:
            return
        if fact.outcome != "served":  # half an answer explains nothing
            capture.answer.drop()
        self._kept[number] = capture, fact
        self._make_room(0)  # there may be less of it than when the exchange began

    def get(self, number: int) -> dict[str, Any] | None:
        """What was captured of the exchange with this number in the activity log."""
        if (kept := self._kept.get(number)) is None:
            return None
        capture, fact = kept
        return {
            "id": number,
            "req_path": capture.path,
            "req_headers": capture.headers,
            "req_body": capture.request.base64(),
            "req_cut": capture.request.cut,
            "resp_headers": capture.answer_headers,
            "resp_body": capture.answer.base64(),
            "resp_cut": capture.answer.cut,
            "error_msg": fact.error[:500],
        }

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def take(self, size: int) -> bool:
        """Make room for `size` bytes, at the cost of the oldest; False if there is none."""
        self._make_room(size)
        if self._size + size > self.budget:
            return False
        self._size += size
        return True

    def resize(self, budget: int) -> None:
        """Keep no more than so many bytes from now on; the newest exchanges stay."""
        self.budget = budget
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        while self._size + size > self.budget and self._kept:
            capture, _ = self._kept.pop(next(iter(self._kept)))
            self._size -= capture.size

    def give_back(self, size: int) -> None:
        """So many bytes are not kept any more."""
        self._size -= size


def _shown(headers: Headers) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in headers:
        secret = not SECRET.isdisjoint(_WORD.split(name.lower()))
        text = REDACTED if secret else value.decode("latin-1")
        key = name.decode("latin-1").lower()
        shown[key] = f"{shown[key]}, {text}" if key in shown else text
    return shown
