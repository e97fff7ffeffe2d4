"""Answers of a model server, read by a strict parser (llhttp) as the bytes arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NoReturn, Protocol

import httptools

Headers = list[tuple[bytes, bytes]]


class Full(Protocol):
    """Who takes pieces of a body can take no more for now."""

    async def wait(self) -> object:
        """Returns when the next piece may come."""
        ...


Take = Callable[[list[bytes]], Full | None]
"""Takes the chunks of a body that have come together, one or several."""

MAX_HEAD = 64 * 1024
"""Bytes of a head, of those before it (1xx) and of trailers: far beyond any model server's."""

_TOO_LONG = f"its headers are longer than {MAX_HEAD} bytes"


class Answer:
    """What has come of one answer so far, for whoever passes it on."""

    __slots__ = (
        "begun",
        "bodiless",
        "buffered",
        "chunks",
        "complete",
        "failure",
        "full",
        "headers",
        "heard",
        "problem",
        "reusable",
        "status",
        "take",
        "until_close",
    )

    def __init__(self, method: str) -> None:
        self.status = 0
        self.headers: Headers = []
        """As received: order, case and repetition kept."""
        self.begun = False
        """The head is whole."""
        self.complete = False
        self.reusable = False
        """Nothing is left on the connection that another exchange could stumble over."""
        self.failure = ""
        self.heard = False
        """The server has said something."""
        self.chunks: deque[bytes] = deque()
        """Pieces of the body that nobody has taken."""
        self.buffered = 0
        """Bytes in `chunks`."""
        self.take: Take | None = None
        self.full: Full | None = None
        """What `take` has asked to be waited for; it is asked to take no more."""
        self.problem: Exception | None = None
        """What it raised."""
        self.bodiless = method == "HEAD"
        self.until_close = False

    def go_to(self, take: Take | None) -> None:
        """Have the body's pieces taken as they come. Where nobody does, they wait in `chunks`."""
        self.take = take
        if take is not None:
            self.full = None

    def end(self) -> None:
        """The connection has ended."""
        self.reusable = False
        if self.complete or self.failure:
            return
        if self.begun and self.until_close:
            self.complete = True
        else:
            self.failure = "server disconnected " + (
                "in the middle of its answer" if self.begun else "without an answer"
            )

    def fail(self, why: str) -> None:
        """It cannot be used. The first reason counts."""
        self.failure = self.failure or why
        self.reusable = False

    def add(self, chunks: list[bytes]) -> None:
        """Some of the body has come."""
        if self.take is None:
            for chunk in chunks:
                self.chunks.append(chunk)
                self.buffered += len(chunk)
            return
        try:
            self.full = self.take(chunks)
        except Exception as error:  # it is for whoever pours
            self.problem = error
        if self.full is not None or self.problem is not None:
            self.take = None


class AnswerReader:
    """Fed by one connection, for as long as that lives: one answer after the other.

    An answer with two lengths, bare line ends, spaces where none may be, or anything else that two
    readers could take for two different things, is refused: its `failure` then says why.
    """

    def __init__(self) -> None:
        self._answer = Answer("")
        self._waste = 0
        """Bytes since those that ended a head or brought a piece of a body."""
        self._long = False
        """The head may be too long: it did not come as a whole, or among many bytes."""
        self._chunks: list[bytes] = []
        """Of the body, found in what is being read."""
        self._parser = httptools.HttpResponseParser(self)

    def expect(self, answer: Answer) -> None:
        """What comes from now on belongs to this one."""
        self._answer = answer
        self._waste = 0

    def feed(self, data: bytes) -> None:
        """Take what came. Bytes after the end of the answer make the connection unfit for more."""
        answer, size = self._answer, len(data)
        answer.heard = True
        if answer.complete or answer.failure:
            answer.reusable = False
            return
        self._long = size > MAX_HEAD or self._waste > 0
        self._waste += size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            answer.fail("it changed to another protocol, unasked")
        except httptools.HttpParserError as error:
            if not answer.complete:
                answer.fail(f"it sent what is not HTTP: {error}")
            answer.reusable = False
        if chunks := self._chunks:
            # Together, so that with more of them than can be served one by one each costs less.
            self._chunks = []
            answer.add(chunks)
        if self._waste > MAX_HEAD and not answer.complete:
            answer.fail(_TOO_LONG)

    def close(self) -> None:
        """Nothing more comes. Parser and reader know each other: without this, both would wait for
        Python's collector.
        """
        del self._parser

    # -- called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody gets."""
        answer = self._answer
        if not answer.begun:
            answer.headers.append((name, value))
            return
        self._waste += len(name) + len(value)
        if self._waste > MAX_HEAD:
            self._refuse(_TOO_LONG)

    def on_headers_complete(self) -> None:
        """The head is whole, or that of an interim answer, which nobody asked for."""
        answer, parser = self._answer, self._parser
        if answer.begun:  # another answer, in the same breath
            answer.reusable = False
            return
        headers, status = answer.headers, parser.get_status_code()
        if status < 200:
            answer.headers = []
            return
        if self._long and sum(len(name) + len(value) for name, value in headers) > MAX_HEAD:
            self._refuse(_TOO_LONG)
        coding, length = _framing(headers)
        if coding not in (b"", b"chunked"):
            self._refuse("it used a transfer coding that it was not asked for")
        answer.status, answer.begun = status, True
        answer.reusable = parser.should_keep_alive()
        answer.until_close = not length and not coding
        self._waste = 0
        if answer.bodiless:
            # The parser cannot be told that no body follows, whatever the length says.
            answer.complete, answer.reusable = True, False

    def on_body(self, data: bytes) -> None:
        """A piece of the body: never more than one chunk of it, as it came."""
        self._waste = 0
        if not self._answer.complete:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """The end of the answer, unless it was an interim one."""
        answer = self._answer
        if answer.begun:
            if answer.complete:
                answer.reusable = False
            answer.complete = True

    def _refuse(self, why: str) -> NoReturn:
        self._answer.fail(why)
        raise ValueError(why)  # stops the parser


def _framing(headers: Headers) -> tuple[bytes, bool]:
    """The transfer coding, and whether a length is told."""
    coding, length = b"", False
    for name, value in headers:
        size = len(name)
        if size == 14 and name.lower() == b"content-length":
            length = True
        elif size == 17 and name.lower() == b"transfer-encoding":
            coding = coding + b"," + value.lower() if coding else value.lower()
    return coding, length
