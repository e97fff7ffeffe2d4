"""One client's connection as bytes: back-pressure both ways, patience, and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .listener import Listener

FIRST_S = 1.0
"""For the first request of somebody who has just connected when the listener stops. On a busy box
it may be long on its way, and a service manager's clients expect that none is lost.
"""
LINGER_S = 2.0
"""How long is read what nobody wants: a connection that is closed on unread bytes is reset, and the
reset can overtake the answer."""
FLUSH_S = 30.0
"""For a client to take some of the last bytes for it."""
NEVER = float("inf")


class Link(asyncio.Protocol):
    """The base of a connection; nothing of HTTP is known here."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.loop = listener.loop
        self.due = NEVER
        """When `expire` is to be called."""
        self.full: asyncio.Event | None = None
        """Set when the client has taken enough of what is sent; None where it is not full."""
        self.reading = True
        self.new = True
        """Nothing was asked here yet."""
        self.aside: Callable[[bytes], None] | None = None
        """Takes what comes where that is no request any more."""
        self._unsent = 0

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self.transport = transport = cast(asyncio.Transport, transport)
        self.write = transport.write
        peer = transport.get_extra_info("peername")
        self.client = (peer[0], peer[1]) if isinstance(peer, tuple) else None
        """Address and port; None on a unix socket."""
        self.listener.connections.add(self)
        self.expect(max(self.listener.patience, FIRST_S))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, from whichever side."""
        self.due = NEVER
        self.listener.forget(self)
        self.resume_writing()

    def pause_writing(self) -> None:
        """The client does not take what is sent as fast as it is sent."""
        self.full = asyncio.Event()

    def resume_writing(self) -> None:
        """It does again."""
        if self.full is not None:
            self.full.set()
            self.full = None

    # -- what comes

    def hold(self) -> None:
        """Hold the client back."""
        if self.reading:
            self.reading = False
            self.transport.pause_reading()

    def let_go(self) -> None:
        """Let it go on."""
        if not self.reading:
            self.reading = True
            self.transport.resume_reading()

    # -- ends

    def linger(self) -> None:
        """Say no more, and close once the client has read that."""
        self.aside = _ignore
        self.let_go()
        self.expect(LINGER_S)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Close it as soon as everything is sent."""
        self.aside = _ignore
        self.transport.close()
        self.expect(FLUSH_S)

    def abort(self) -> None:
        """End it now, whatever is under way."""
        self.transport.abort()

    def reset(self) -> None:
        """End it so that the client is told that this was no regular end."""
        found = self.transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(found.fileno())) as handle:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def stop(self) -> None:
        """The listener is stopping: close, unless something comes at once."""
        self.expect(FIRST_S if self.new else self.listener.patience)

    # -- patience

    def expect(self, seconds: float) -> None:
        """Have `expire` called then, unless `due` is set to another time before."""
        self.due = due = self.loop.time() + seconds
        if due < self.listener.wakes_at:
            self.listener.wake_at(due)

    def expire(self, now: float) -> None:
        """What was expected until now has not come: close, unless the client is still taking what
        it was sent.
        """
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent = unsent
            self.due = now + FLUSH_S
        elif unsent or self.aside is not None:
            self.transport.abort()
        else:
            self.close()


def _ignore(data: bytes) -> None:
    """Nobody wants it."""
