"""How a stream is cut into events, and so where something may be put in between."""

from __future__ import annotations

from msgspec import Struct


class Framing(Struct, frozen=True):
    """A kind of stream. `ends`: what a whole event ends with; `opening` and `closing` go around a
    document to make it one.
    """

    content_type: str
    ends: tuple[bytes, ...]
    opening: bytes
    closing: bytes


EVENTS = Framing("text/event-stream", (b"\n\n", b"\n\r\n", b"\r\r", b"\r\r\n"), b"data: ", b"\n\n")
LINES = Framing("application/x-ndjson", (b"\n",), b"", b"\n")
"""JSON, one object a line."""
