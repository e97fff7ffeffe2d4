"""An answer after its head had to go out before the server's: as events, or as an in-band error.

A streaming client that waits long is sent the head of a stream early. A server that then does not
answer with an uncompressed stream of that kind cannot be passed on as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ..errors import Refused
from .framing import Framing

Read = Callable[[], Awaitable[bytes]]
"""The next piece of a body, empty when it is over."""

EXCERPT = 64 * 1024
"""How much of a server's error is read."""


class AsEvent:
    """A document as one event, piece by piece; line breaks in JSON are only space."""

    def __init__(self, read: Read, framing: Framing) -> None:
        self._read = read
        self._opening, self._closing = framing.opening, b""
        self._end = framing.closing

    async def read(self) -> bytes:
        """The next piece, empty when it is over."""
        if piece := await self._read():
            opening, self._opening = self._opening, b""
            self._closing = self._end  # nothing at all is no event, and has no end
            return opening + piece.replace(b"\r", b" ").replace(b"\n", b" ")
        closing, self._closing = self._closing, b""
        return closing


async def as_refusal(model: str, status: int, read: Read) -> Refused:
    """The server's own error, as far as it can be read, with its status."""
    body = b""
    while len(body) < EXCERPT and (piece := await read()):
        body += piece
    text = _message(body) or body[:1000].decode(errors="replace").strip() or "no explanation"
    return Refused(
        "upstream_failed", f"the server of {model} answered {status}: {text}", status=status
    )


def _message(body: bytes) -> str:
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = document.get("error", document) if isinstance(document, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""
