"""The one answer to a call: what of it has gone out, and where something may be put in between."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import anyio

from ..errors import Refused
from ..plugin.contracts import Dialect
from .call import CHUNKS, JOINED, Full, Message, Put, RawHeaders, Send
from .framing import Framing


class Reply:
    """Writes head and body, and knows how far it is.

    `complete` is set before the last byte goes out: a server may report the client as gone as soon
    as it has everything, and then that is no news.
    """

    head_out = False
    complete = False
    framing: Framing | None = None
    """The head promised a stream that Jano may write into, between its events."""
    reserved = False
    """The server's own head is known but waits for its first byte: no other may go out."""
    held_up = False
    """What was sent last has to be waited for: nothing else may go before it."""
    ends_next = False
    """The next piece of the body is its last, whatever the headers announce."""
    bytes_out = 0
    """Bytes of the body, Jano's signs of life not counted."""
    _length: int | None = None
    _tail = b"\n\n"

    def __init__(self, put: Put, now: Callable[[], float] = anyio.current_time) -> None:
        self._now = now
        self.last_sent = now()
        self._put = put

    @property
    def between_events(self) -> bool:
        """Nothing of an event is out but whole ones."""
        return self.framing is not None and self._tail.endswith(self.framing.ends)

    @property
    def can_begin_again(self) -> bool:
        """Another server's answer can still follow: the client saw no byte of a body."""
        return not self.bytes_out and (self.framing is not None or not self.head_out)

    def head(
        self,
        status: int,
        headers: RawHeaders,
        *,
        framing: Framing | None = None,
        length: int | None = None,
        joined: bool = False,
    ) -> Full | None:
        """Send status and headers. `length` is the body's where the headers announce it; `joined`:
        `body` is called next.
        """
        self.head_out, self.framing, self._length = True, framing, length
        self.last_sent = self._now()
        kind = "http.response.start"
        return self._put({"type": kind, "status": status, "headers": headers, JOINED: joined})

    def body(self, piece: bytes, chunks: Sequence[bytes] = ()) -> Full | None:
        """Send a piece of the server's body as it came: where that was in several chunks, as
        these.
        """
        self.bytes_out += len(piece)
        self.complete = self.ends_next or self.bytes_out == self._length
        if self.framing is not None:
            self._tail = piece[-4:] if len(piece) >= 4 else (self._tail + piece)[-4:]
        return self._write(piece, chunks, more=not self.complete)

    async def sign_of_life(self, text: bytes) -> None:
        """Send something of Jano's own, unless the stream is in the middle of an event."""
        if self.between_events and not self.complete and not self.held_up:
            await done(self._write(text, more=True))

    async def end(self) -> None:
        """The body is whole."""
        if not self.complete:
            self.complete = True
            await done(self._write(b"", more=False))

    async def refuse(self, dialect: Dialect, refused: Refused, headers: RawHeaders) -> None:
        """Say what went wrong: as the whole answer, or as the last event of a stream.

        An answer of another kind that has begun is left without an end, for which the server cuts
        the connection: that is the only way to say that it is not whole.
        """
        if not self.head_out:
            self.head_out = self.complete = True
            await send_refusal(self._send, dialect, refused, headers)
        elif self.framing is not None:
            # A half-sent event is closed first, so that the error is one of its own.
            closing = b"" if self.between_events else self.framing.closing
            self.complete = True
            await done(self._write(closing + dialect.stream_error(refused), more=False))

    def _write(self, piece: bytes, chunks: Sequence[bytes] = (), *, more: bool) -> Full | None:
        self.last_sent = self._now()
        message: Message = {"type": "http.response.body", "body": piece, "more_body": more}
        if chunks:
            message[CHUNKS] = chunks
        return self._put(message)

    async def _send(self, message: Message) -> None:
        await done(self._put(message))


async def done(sent: Full | None) -> None:
    """Wait for a message that was sent, if there is anything to wait for."""
    if sent is not None:
        await sent.wait()


async def send_whole(
    send: Send,
    status: int,
    content_type: str,
    body: bytes,
    headers: RawHeaders | None = None,
    linger: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """A whole answer at once."""
    head = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    if linger is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await linger()
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_refusal(
    send: Send,
    dialect: Dialect,
    refused: Refused,
    headers: RawHeaders | None = None,
    linger: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """An error as the whole answer, with what tells clients whether and when to try again.

    `linger` is awaited before the last, empty message.
    """
    extra = list(headers or ())
    if refused.retry_after is not None:
        seconds = max(1, math.ceil(refused.retry_after))
        extra.append((b"retry-after", str(seconds).encode()))
    if refused.should_retry is not None:
        extra.append((b"x-should-retry", b"true" if refused.should_retry else b"false"))
    body = dialect.error(refused)
    await send_whole(send, dialect.status(refused), "application/json", body, extra, linger)
