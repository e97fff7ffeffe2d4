"""An answer after its head had to go out before the server's: as events, or as an in-band error.

A streaming client that waits long is sent the head of a stream early. A server that then does not
answer with an uncompressed stream of that kind cannot be passed on as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import msgspec

from ..errors import Refused
from .framing import Framing

EXCERPT = 64 * 1024
"""How much of a server's error is read."""


async def as_event(chunks: AsyncIterable[bytes], framing: Framing) -> AsyncIterator[bytes]:
    """A document as one event, chunk by chunk; line breaks in JSON are only space."""
    opening, empty = framing.opening, True
    async for chunk in chunks:
        yield opening + chunk.replace(b"\r", b" ").replace(b"\n", b" ")
        opening, empty = b"", False
    if not empty:
        yield framing.closing


async def as_refusal(model: str, status: int, chunks: AsyncIterable[bytes]) -> Refused:
    """The server's own error, as far as it can be read, with its status."""
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) >= EXCERPT:
            break
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
