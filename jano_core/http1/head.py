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


class _Date:
    """The header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


_date = _Date()


class Head:
    """Status and headers of one answer, and what they say about its body."""

    __slots__ = ("chunked", "length", "text")

    def __init__(
        self, status: int, headers: Headers, *, bodiless: bool, chunks: bool, keep_alive: bool
    ) -> None:
        """`chunks`: the client understands them. Raises `ValueError`: a line would become two."""
        self.length: int | None = None
        """Bytes of the body, where the headers announce it."""
        lines = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        named = False
        for name, value in headers:
            name = name.lower()
            if name == b"content-length":
                self.length = int(value)
                if status == 204:
                    continue
            elif name in _OWN:
                continue
            elif name == b"server":
                named = True
            lines.append(b"%b: %b\r\n" % (name, value))
        self.chunked = self.length is None and chunks and not bodiless
        """The body goes out in chunks."""
        if self.chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not keep_alive:
            lines.append(b"connection: close\r\n")
        if not named:
            lines.append(b"server: jano\r\n")
        lines += (_date.line(), b"\r\n")
        self.text = b"".join(lines)
        if self.text.count(b"\n") != len(lines) or self.text.count(b"\r") != len(lines):
            raise ValueError("a line break in a header")


def plain(status: int, why: str, more: Headers | None = None) -> bytes:
    """A whole short answer, after which the connection is closed."""
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        *(more or ()),
    ]
    head = Head(status, headers, bodiless=False, chunks=False, keep_alive=False)
    return head.text + body
