"""The head of an answer as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from .asgi import Headers

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}
_OWN = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"trailer", b"date"}
"""Of the connection, not of the application: dropped where it gives them."""
_OWN_WITHOUT_BODY = _OWN | {b"content-length"}
_line = b": ".join


class _Last:
    """The last lines of a head, made once a second."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lines = b""

    def lines(self) -> bytes:
        now = time.time()
        if not self._until - 1 <= now < self._until:
            self._until = int(now) + 1.0
            self._lines = b"date: %b\r\n\r\n" % formatdate(now, usegmt=True).encode()
        return self._lines


_last = _Last()


class Head:
    """Status and headers of one answer, and what they say about its body."""

    __slots__ = ("chunked", "length", "text")

    def __init__(
        self, status: int, headers: Headers, bodiless: bool, chunks: bool, keep_alive: bool
    ) -> None:
        """`headers` have lower-case names; `chunks`: the client understands them. Raises
        `ValueError`: a line would become two, or a length is none.
        """
        fields = dict(headers)
        announced = fields.get(b"content-length")
        length = None if announced is None else int(announced)
        dropped = _OWN if status != 204 else _OWN_WITHOUT_BODY
        if not dropped.isdisjoint(fields):
            headers = [pair for pair in headers if pair[0] not in dropped]
        lines = [*map(_line, headers), b""]
        status_line = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        server = b"" if b"server" in fields else b"server: jano\r\n"
        self.length = length
        """Bytes of the body, where the headers announce it."""
        self.chunked = length is None and chunks and not bodiless
        """The body goes out in chunks."""
        if self.chunked:
            server += b"transfer-encoding: chunked\r\n"
        if not keep_alive:
            server += b"connection: close\r\n"
        given = b"\r\n".join(lines)
        if len(given.splitlines()) != len(lines) - 1:
            raise ValueError("a line break in a header")
        self.text = status_line + given + server + _last.lines()


def plain(status: int, why: str, more: Headers | None = None) -> bytes:
    """A whole short answer, after which the connection is closed."""
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        *(more or ()),
    ]
    return Head(status, headers, False, False, False).text + body
