"""One client's connection: its requests one after the other, and silence between them."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .head import plain
from .request import PIECE_COST, Request, RequestReader
from .session import Session
from .turn import Turn

if TYPE_CHECKING:
    from .listener import Listener

HIGH_WATER = 256 * 1024
"""Cost of what nobody has read yet before the client is held back."""
LOW_WATER = 64 * 1024
MANY_WAITING = 8
"""Requests that wait for their turn before the client is held back."""

HEAD_S = 30.0
"""For a head that has begun to come."""
LINGER_S = 2.0
"""How long is read what nobody wants: a connection that is closed on unread bytes is reset, and the
reset can overtake the answer."""
FLUSH_S = 30.0
"""For a client to take some of the last bytes for it."""
NEVER = float("inf")


class Connection(asyncio.Protocol):
    """Made by the listener's server for each client."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.loop = listener.loop
        self.due = NEVER
        """When `expire` is to be called."""
        self.full: asyncio.Event | None = None
        """Set when the client has taken enough of what is sent; None where it is not full."""
        self._reader = RequestReader()
        self._turn: Turn | None = None
        """The one that is being answered."""
        self._tail: Request | None = None
        """One whose answer is out and whose body nobody wants is still coming."""
        self._aside: Callable[[bytes], None] | None = None
        """Takes what comes where that is no request any more."""
        self._in_head = False
        """As the reader's, when it was last looked at."""
        self._reading = True
        self._unsent = 0

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self.transport = transport = cast(asyncio.Transport, transport)
        self.write = transport.write
        peer = transport.get_extra_info("peername")
        self.client = (peer[0], peer[1]) if isinstance(peer, tuple) else None
        self.server = self.listener.address
        self.listener.connections.add(self)
        self.expect(self.listener.patience)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._aside is not None:
            self._aside(data)
            return
        reader = self._reader
        reader.feed(data)
        if self._turn is None:
            self._next()
        else:
            self._turn.tell()
            if reader.refusal is not None and not self._turn.request.complete:
                self._break_off(self._turn)
        if reader.unread > HIGH_WATER or len(reader.arrived) > MANY_WAITING or reader.rest:
            self.hold()

    def eof_received(self) -> None:
        """The client says no more, which is taken for its leaving."""
        if self._turn is not None:
            self.transport.abort()
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, from whichever side."""
        self.due = NEVER
        self.listener.forget(self)
        self._leave()

    def pause_writing(self) -> None:
        """The client does not take what is sent as fast as it is sent."""
        self.full = asyncio.Event()

    def resume_writing(self) -> None:
        """It does again."""
        if self.full is not None:
            self.full.set()
            self.full = None

    # -- called by the turn

    def take(self, request: Request) -> bytes:
        """The next piece of the body; lets the client go on if it was held back."""
        piece = request.body.pop(0)
        self._reader.unread -= len(piece) + PIECE_COST
        if not self._reading:
            self._release()
        return piece

    def may_keep_alive(self, request: Request) -> bool:
        """Whether another request may follow this one."""
        if not request.keep_alive or self.listener.stopping:
            return False
        return request.complete or _is_short(request)

    def replied(self, turn: Turn) -> None:
        """The whole answer is on its way."""
        self._turn, request = None, turn.request
        if request.body:
            self._reader.drop(request)
        if turn.keep_alive:
            if not request.complete:
                self._tail = request
            self.expect(self.listener.patience if request.complete else LINGER_S)
            reader = self._reader
            if reader.arrived or reader.in_head or reader.refusal is not None:
                self._next()
            if not self._reading:
                self._release()
        elif request.complete and not request.keep_alive:
            self.close()
        else:
            self.linger()

    def give_up(self, turn: Turn) -> None:
        """The application has ended without a whole answer."""
        if self._turn is not turn:
            return
        if not turn.begun:
            self.write(plain(500, "Internal Server Error"))
            self.replied(turn)
            return
        self._cut(turn)

    def go_aside(self, take: Callable[[bytes], None]) -> None:
        """What comes from now on, and what has come, is no request: `take` takes it."""
        self._aside, early = take, self._reader.rest
        self.let_go()
        if early:
            self._reader.rest = b""
            take(early)

    def hold(self) -> None:
        """Hold the client back."""
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def let_go(self) -> None:
        """Let it go on."""
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()

    # -- ends

    def linger(self) -> None:
        """Say no more, and close once the client has read that."""
        self._aside = _ignore
        self.let_go()
        self.expect(LINGER_S)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Close it as soon as everything is sent."""
        self._aside = _ignore
        self.transport.close()
        self.expect(FLUSH_S)

    def stop(self) -> None:
        """The listener is stopping: close, unless a request comes or is being answered."""
        if self._turn is None and self._aside is None and not self._reader.in_head:
            self.expect(self.listener.patience)

    def abort(self) -> None:
        """End it now, whatever is under way."""
        self.transport.abort()

    def expire(self, now: float) -> None:
        """What was expected until now has not come."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent = unsent
            self.due = now + FLUSH_S
        elif unsent or self._aside is not None:
            self.transport.abort()
        else:
            self.close()

    def expect(self, seconds: float) -> None:
        """Have `expire` called then, unless something comes before."""
        self.due = due = self.loop.time() + seconds
        if due < self.listener.wakes_at:
            self.listener.wake_at(due)

    # -- inside

    def _next(self) -> None:
        """Begin with the next request, if there is one."""
        reader = self._reader
        if self._tail is not None:
            reader.drop(self._tail)
            if not self._tail.complete:
                if reader.refusal is not None:
                    self.close()
                return
            self._tail = None
            self.expect(self.listener.patience)
        if reader.arrived and (reader.refusal is None or reader.arrived[0].complete):
            self.due = NEVER
            request = reader.arrived.pop(0)
            self._turn = turn = (Session if request.websocket else Turn)(self, request)
            self.listener.start(turn)
        elif reader.refusal is not None:
            self.write(plain(*reader.refusal))
            self.linger()
        elif reader.in_head and not self._in_head:
            self.expect(HEAD_S)
        self._in_head = reader.in_head

    def _break_off(self, turn: Turn) -> None:
        """The body of the running request is none; say so if nothing else was said."""
        assert self._reader.refusal is not None
        turn.flush()
        turn.hang_up()
        if turn.begun:
            self._cut(turn)
        else:
            self._turn = None
            self.write(plain(*self._reader.refusal))
            self.linger()

    def _cut(self, turn: Turn) -> None:
        """End an answer so that the client sees that something is missing."""
        self._turn = None
        turn.flush()
        if turn.truncatable:
            _reset_at_close(self.transport)
            self.transport.abort()
        else:
            self.close()

    def _leave(self) -> None:
        """The client is gone."""
        turn, self._turn = self._turn, None
        self._reader.arrived.clear()
        self.resume_writing()
        if turn is not None:
            turn.hang_up()

    def _release(self) -> None:
        """Let the client go on sending, unless there is still too much."""
        reader = self._reader
        if not self._reading and reader.unread < LOW_WATER and len(reader.arrived) <= MANY_WAITING:
            self.let_go()


def _ignore(data: bytes) -> None:
    """Nobody wants it."""


def _is_short(request: Request) -> bool:
    """Whether the rest of its body will soon be here, wanted or not."""
    length = dict(request.headers).get(b"content-length", b"")
    return not request.expects and length.isdigit() and int(length) <= LOW_WATER


def _reset_at_close(transport: asyncio.Transport) -> None:
    """Have the client told that this was no regular end."""
    found = transport.get_extra_info("socket")
    with socket.socket(fileno=os.dup(found.fileno())) as handle:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
