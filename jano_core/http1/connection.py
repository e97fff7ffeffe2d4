"""One client's requests, one after the other, and silence between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .filling import Filling
from .head import plain
from .link import LINGER_S, NEVER, Link
from .request import PIECE_COST, Request, RequestReader
from .session import Session
from .turn import Turn

if TYPE_CHECKING:
    from .listener import Listener

HIGH_WATER = 128 * 1024
"""Cost of what nobody has read yet before the client is held back."""
LOW_WATER = 64 * 1024
MANY_WAITING = 8
"""Requests that wait for their turn before the client is held back."""

HEAD_S = 30.0
"""For a head that has begun to come."""


class Connection(Link):
    """Made by the listener's server for each client."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self._reader = RequestReader()
        self._turn: Turn | None = None
        """The one that is being answered."""
        self._tail: Request | None = None
        """One whose answer is out and whose body nobody wants is still coming."""
        self._in_head = False
        """As the reader's, when it was last looked at."""

    # -- called by the event loop

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.aside is not None:
            self.aside(data)
            return
        reader = self._reader
        reader.feed(data)
        if self._turn is None:
            self._next()
        else:
            self._turn.tell()
            if reader.refusal is not None and not self._turn.request.complete:
                self._break_off(self._turn)
        if (
            reader.unread > HIGH_WATER or len(reader.arrived) > MANY_WAITING or reader.rest
        ) and self.aside is None:
            self.hold()

    def eof_received(self) -> None:
        """The client says no more, which is taken for its leaving."""
        if self._turn is not None:
            self.transport.abort()
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, from whichever side."""
        super().connection_lost(exc)
        self._reader.close()
        self._leave()

    def stop(self) -> None:
        """The listener is stopping: close, unless a request comes or is being answered."""
        if self._turn is None and self.aside is None and not self._reader.in_head:
            super().stop()

    # -- called by the turn

    def take(self, request: Request) -> bytes:
        """The next piece of the body; lets the client go on if it was held back."""
        piece = request.body.pop(0)
        self._reader.unread -= len(piece) + PIECE_COST
        if not self.reading:
            self._release()
        return piece

    def fill(self, place: memoryview) -> None:
        """Have the rest of the body, which has this length, put there; `filled` is called then."""
        self.transport.set_protocol(Filling(self, place))

    def filled(self) -> None:
        """The body is whole; what comes next is the next request."""
        self.transport.set_protocol(self)
        self._reader.pass_by()
        if self._turn is None:
            self._next()
        else:
            self._turn.tell()

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
                turn.flush()  # before anything that is said next
                self._in_head = False  # the time for a head begins now
                self._next()
            if not self.reading:
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
        self.aside, early = take, self._reader.rest
        self.let_go()
        if early:
            self._reader.rest = b""
            take(early)

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
            self.new = False
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
            self.reset()
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
        if reader.unread < LOW_WATER and len(reader.arrived) <= MANY_WAITING:
            self.let_go()


def _is_short(request: Request) -> bool:
    """Whether the rest of its body will soon be here, wanted or not."""
    length = dict(request.headers).get(b"content-length", b"")
    return not request.expects and length.isdigit() and int(length) <= LOW_WATER
