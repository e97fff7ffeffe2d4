"""What clients send, read by a strict parser (llhttp) as the bytes arrive. No I/O here.

What two readers could take for two different things is refused: the front of a smuggled request
looks like that.
"""

from __future__ import annotations

import re
from typing import NoReturn

import httptools

from .asgi import Headers

MAX_HEAD = 64 * 1024
"""Bytes of a request's target and headers, and of what surrounds a body's chunks."""
MAX_WAITING = 64
"""Requests that one client may send before the first of them is answered."""
PIECE_COST = 64
"""What a piece of a body takes besides its bytes: a body in tiny chunks is not free."""

_SLASH, _HASH = b"/#"
_TOO_LONG = 431, f"a request's headers may have {MAX_HEAD} bytes"
_NO_PROXY = 501, "this is not a proxy"
_FRAMING = (b"content-length", b"transfer-encoding")
_ABSOLUTE = re.compile(rb"https?://([^/?@]+)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE | re.DOTALL)


class Request:
    """One request. The head is whole; the body grows until `complete`."""

    __slots__ = (
        "body",
        "complete",
        "expects",
        "headers",
        "keep_alive",
        "method",
        "query",
        "raw_path",
        "version",
        "websocket",
    )

    def __init__(self, method: str, target: bytes, version: str, headers: Headers) -> None:
        self.method = method
        self.raw_path, _, self.query = target.partition(b"?")
        self.version = version
        """`1.0` or `1.1`."""
        self.headers = headers
        """As received but for names in lower case: order and repetition kept."""
        self.body: list[bytes] = []
        """Pieces that nobody has taken yet."""
        self.complete = False
        self.keep_alive = False
        """The client may send another one on the same connection."""
        self.expects = False
        """The client waits for a word before it sends the body."""
        self.websocket = False
        """It asks to go on as a WebSocket."""


class RequestReader:
    """Fed by one connection, for as long as that lives."""

    def __init__(self) -> None:
        self.arrived: list[Request] = []
        """Requests whose head is whole and that nobody has taken yet, oldest first."""
        self.unread = 0
        """What the untaken pieces of all bodies cost."""
        self.refusal: tuple[int, str] | None = None
        """Status and reason: what came is not a request, and nothing more is read."""
        self.rest: bytes | None = None
        """After a request for a WebSocket: what came behind it."""
        self.in_head = False
        """Some bytes of a head have come, but not all."""
        self._request: Request | None = None
        self._again: Request | None = None
        """One whose body the parser is being told of."""
        self._url = b""
        self._headers: Headers = []
        self._waste = 0
        """Bytes since those that began a request, ended a head or brought a piece of a body."""
        self._long = False
        """The head may be too long: it did not come as a whole, or among many bytes."""
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self.rest is not None:
            self.rest += data
        elif self.refusal is None:
            size = len(data)
            self._waste += size
            self._long = size > MAX_HEAD or self.in_head
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._go_beyond(data[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self.refusal = self.refusal or (400, f"this is not HTTP/1.1: {error}")
            if self._waste > MAX_HEAD:
                self.refusal = self.refusal or _TOO_LONG

    def drop(self, request: Request) -> None:
        """Nobody wants the rest of this body."""
        self.unread -= sum(map(len, request.body)) + PIECE_COST * len(request.body)
        request.body.clear()

    def pass_by(self) -> None:
        """The rest of the body that was coming has come another way."""
        assert self._request is not None
        self._request.complete = True
        self._parser = httptools.HttpRequestParser(self)

    def close(self) -> None:
        """Nothing more comes. Parser and reader know each other: without this, both would wait for
        Python's collector.
        """
        del self._parser

    # -- called by the parser

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.arrived) >= MAX_WAITING and not self._again:
            self._refuse(503, "too many requests before the first was answered")
        self._url, self._headers = b"", []
        self.in_head, self._waste = True, 0

    def on_url(self, url: bytes) -> None:
        """The target, or a part of it."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody gets."""
        if self.in_head:
            self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._again:
            self._request, self.in_head, self._again = self._again, False, None
            return
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        fields = dict(headers)
        if self._long and len(self._url) + sum(len(n) + len(v) for n, v in headers) > MAX_HEAD:
            self._refuse(*_TOO_LONG)
        if version != "1.1" and version != "1.0":
            self._refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        if len(fields) != len(headers):
            self._check_repeated()
        if b"host" not in fields and version == "1.1":
            self._refuse(400, "a request needs a host header")
        if b"transfer-encoding" in fields:
            self._check_coding(fields[b"transfer-encoding"], version)
        request = Request(parser.get_method().decode(), self._url, version, headers)
        if self._url[0] != _SLASH or _HASH in self._url:
            self._settle(request)
        request.keep_alive = parser.should_keep_alive() and version == "1.1"
        if b"expect" in fields:
            request.expects = fields[b"expect"].lower() == b"100-continue" and version == "1.1"
        if b"upgrade" in fields and parser.should_upgrade():
            request.websocket = fields[b"upgrade"].lower() == b"websocket" and version == "1.1"
        self._request, self.in_head, self._waste = request, False, 0
        self.arrived.append(request)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body: of one chunk, if there are chunks."""
        assert self._request is not None
        self._request.body.append(piece)
        self.unread += len(piece) + PIECE_COST
        self._waste = 0

    def on_message_complete(self) -> None:
        """The request is whole."""
        assert self._request is not None
        self._request.complete = True

    # -- the unusual

    def _go_beyond(self, rest: bytes) -> None:
        """Take what came behind a request to go on with another protocol."""
        request = self._request
        assert request is not None
        if request.method == "CONNECT":  # of something that looks like a path
            self.arrived.remove(request)
            self.refusal = _NO_PROXY
            return
        if request.websocket:
            self.rest = rest
            return
        # Nobody has to follow such a wish, which many a client tries with its first request
        # (`Upgrade: h2c`). But the parser takes all that follows for the other protocol, the body
        # too: another parser is told what body to expect.
        self._parser = httptools.HttpRequestParser(self)
        framing = [pair for pair in request.headers if pair[0] in _FRAMING]
        if framing:
            self._again, request.complete = request, False
            lines = b"".join(b"%b: %b\r\n" % pair for pair in framing)
            rest = b"POST / HTTP/1.1\r\n" + lines + b"\r\n" + rest
        self.feed(rest)

    def _settle(self, request: Request) -> None:
        """Understand a target that does not begin with its path."""
        target = self._url
        if request.method == "CONNECT":
            self._refuse(*_NO_PROXY)
        if target == b"*" and request.method == "OPTIONS":
            return
        found = _ABSOLUTE.fullmatch(target)
        if found is None or b"#" in target:
            self._refuse(400, "the target is not a path")
        authority, path, query = found.groups()
        request.raw_path, request.query = path or b"/", query or b""
        # The host of the target is the one that counts.
        others = [pair for pair in request.headers if pair[0] != b"host"]
        request.headers = [(b"host", authority), *others]

    def _check_repeated(self) -> None:
        names = [name for name, _ in self._headers]
        for single in (b"host", b"transfer-encoding", b"content-length"):
            if names.count(single) > 1:
                self._refuse(400, f"there is more than one {single.decode()}")

    def _check_coding(self, coding: bytes, version: str) -> None:
        if coding.lower() != b"chunked" or version == "1.0":
            self._refuse(400, "of transfer encodings only chunked is understood")

    def _refuse(self, status: int, why: str) -> NoReturn:
        self.refusal = self.refusal or (status, why)
        raise ValueError(why)  # stops the parser
