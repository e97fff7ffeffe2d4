"""What has come of one answer so far, read by a strict parser (llhttp) as the bytes arrive."""

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


Take = Callable[[bytes], Full | None]

MAX_HEAD = 64 * 1024
"""Bytes of a head, of those before it (1xx) and of trailers: far beyond any model server's."""

_TOO_LONG = f"its headers are longer than {MAX_HEAD} bytes"


class Answer:
    """Fed by one connection, emptied by whoever passes the answer on.

    An answer with two lengths, bare line ends, spaces where none may be, or anything else that two
    readers could take for two different things, is refused: `failure` then says why.
    """

    status = 0
    begun = False
    """The head is whole."""
    complete = False
    reusable = False
    """Nothing is left on the connection that another exchange could stumble over."""
    failure = ""
    heard = False
    """The server has said something."""
    buffered = 0
    """Bytes in `chunks`."""
    take: Take | None = None
    full: Full | None = None
    """What `take` has asked to be waited for; it is asked to take no more."""
    problem: Exception | None = None
    """What it raised."""
    _until_close = False
    _fed = _headers_size = 0

    def __init__(self, method: str) -> None:
        self.headers: Headers = []
        """As received: order, case and repetition kept."""
        self.chunks: deque[bytes] = deque()
        self._bodiless = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what came. Bytes after the end of the answer make the connection unfit for more."""
        self.heard = True
        if self.complete or self.failure:
            self.reusable = False
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it changed to another protocol, unasked")
        except httptools.HttpParserError as error:
            if not self.complete:
                self._fail(f"it sent what is not HTTP: {error}")
            self.reusable = False
        if not self.begun:
            self._fed += len(data)
            if self._fed > MAX_HEAD:
                self._fail(_TOO_LONG)

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
        if self.begun and self._until_close:
            self.complete = True
        else:
            self.failure = "server disconnected " + (
                "in the middle of its answer" if self.begun else "without an answer"
            )

    # -- called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody gets."""
        self._headers_size += len(name) + len(value)
        if self._headers_size > MAX_HEAD:
            self._refuse(_TOO_LONG)
        if not self.begun:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole, or that of an interim answer, which nobody asked for."""
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
            return
        coding, length = self._framing()
        if coding not in (b"", b"chunked"):
            self._refuse("it used a transfer coding that it was not asked for")
        self.status, self.begun = status, True
        self.reusable = self._parser.should_keep_alive()
        self._until_close = not length and not coding
        if self._bodiless:
            # The parser cannot be told that no body follows, whatever the length says.
            self.complete, self.reusable = True, False

    def on_body(self, data: bytes) -> None:
        """A piece of the body: never more than one chunk of it, as it came."""
        if self.complete:
            return
        if self.take is None:
            self.chunks.append(data)
            self.buffered += len(data)
            return
        try:
            self.full = self.take(data)
        except Exception as error:  # the parser would take it for one of its own
            self.problem = error
        if self.full is not None or self.problem is not None:
            self.take = None

    def on_message_complete(self) -> None:
        """The end of the answer, unless it was an interim one."""
        if self.begun:
            if self.complete:
                self.reusable = False
            self.complete = True

    def _framing(self) -> tuple[bytes, bool]:
        coding, length = b"", False
        for name, value in self.headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                length = True
            elif size == 17 and name.lower() == b"transfer-encoding":
                coding = coding + b"," + value.lower() if coding else value.lower()
        return coding, length

    def _refuse(self, why: str) -> NoReturn:
        self._fail(why)
        raise ValueError(why)  # stops the parser

    def _fail(self, why: str) -> None:
        """The first reason counts."""
        self.failure = self.failure or why
        self.reusable = False
