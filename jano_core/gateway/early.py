"""An answer after its head had to go out before the server's: as events, or as an in-band error.

A streaming client that waits long is sent the head of a stream early. A server that then does not
answer with an uncompressed stream of that kind cannot be passed on as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ..errors import Refused
from .call import Full
from .framing import Framing
from .reply import done

Read = Callable[[], Awaitable[bytes]]
"""The next piece of a body, empty when it is over."""
Take = Callable[[list[bytes]], Full | None]
Pour = Callable[[Take], Awaitable[None]]
"""Has the pieces of a body taken as they come."""

EXCERPT = 64 * 1024
"""How much of a server's error is read."""


async def pour_as_event(pour: Pour, framing: Framing, take: Take) -> None:
    """A document as one event, piece by piece; line breaks in JSON are only space."""
    opening, begun = framing.opening, False

    def take_in(pieces: list[bytes]) -> Full | None:
        nonlocal opening, begun
        piece, opening, begun = b"".join([opening, *pieces]), b"", True
        return take([piece.replace(b"\r", b" ").replace(b"\n", b" ")])

    await pour(take_in)
    if begun:
        await done(take([framing.closing]))


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
