"""A bound socket that is served, from the first connection to the last answer."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from .acceptor import Acceptor
from .asgi import Application
from .connection import Connection
from .link import NEVER, Link
from .turn import Turn

IDLE_S = 120.0
"""For idle connections: longer than the pools of common clients, so that the client closes first
and no request meets a connection that is just being closed."""
ON_THEIR_WAY_S = 0.1
"""For the request of somebody who is connected when the listener stops."""
COARSE_S = 1.0
"""Between two looks at what has come to nothing."""


class Listener:
    """Serves `bound`, a listening socket, to `application`. The socket is closed in the end.

    One timer watches over all connections; without any there is none.
    """

    def __init__(self, bound: socket.socket, application: Application) -> None:
        self.connections: set[Link] = set()
        self.running: set[Turn] = set()
        self.stopping = False
        self.patience = IDLE_S
        """Seconds that a connection may be idle."""
        self.wakes_at = NEVER
        name = bound.getsockname()
        self.address = (name, None) if isinstance(name, str) else (name[0], name[1])
        """Host and port, or path and None."""
        self._bound = bound
        self._application = application
        self._door: Acceptor | None = None
        self._over = asyncio.Event()
        self._heads: list[Turn] = []
        """Turns whose heads are to be sent in this step of the loop."""
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Returns after `stop`, when every answer is out. Cancelled, it ends everything at once."""
        self.loop = asyncio.get_running_loop()
        try:
            if not self.stopping:
                self._door = Acceptor(self._bound, partial(Connection, self), self._look_around)
                self._door.open()
            await self._over.wait()
        finally:
            self._close()
            if self._door is not None:
                self._door.abort()
            for connection in tuple(self.connections):
                connection.abort()
            for turn in self.running:
                assert turn.task is not None
                turn.task.cancel()

    def stop(self) -> None:
        """Let nobody in any more; requests that run or are just coming are answered."""
        self.stopping, self.patience = True, ON_THEIR_WAY_S
        self._close()
        for connection in tuple(self.connections):
            connection.stop()
        self._look_around()

    # -- called by connections and turns

    def start(self, turn: Turn) -> None:
        """Have a request answered."""
        self.running.add(turn)
        turn.task = self.loop.create_task(turn.run(self._application))

    def flush_soon(self, turn: Turn) -> None:
        """Have the head of an answer sent, once the applications have done what they can now."""
        if not self._heads:
            self.loop.call_soon(self._flush)
        self._heads.append(turn)

    def finish(self, turn: Turn) -> None:
        """It is over."""
        self.running.discard(turn)
        if self.stopping:
            self._look_around()

    def forget(self, connection: Link) -> None:
        """It is gone."""
        self.connections.discard(connection)
        if not self.connections and self._timer is not None:
            self._timer.cancel()
            self._timer, self.wakes_at = None, NEVER
        if self.stopping:
            self._look_around()

    def wake_at(self, due: float) -> None:
        """Look at the connections at this time of the loop."""
        if self._timer is not None:
            self._timer.cancel()
        self.wakes_at = due
        self._timer = self.loop.call_at(due, self._wake)

    # -- inside

    def _flush(self) -> None:
        turns, self._heads = self._heads, []
        for turn in turns:
            turn.flush()

    def _wake(self) -> None:
        now = self.loop.time()
        self._timer, self.wakes_at = None, NEVER
        for connection in tuple(self.connections):
            if connection.due <= now:
                connection.expire(now)
        due = min((connection.due for connection in self.connections), default=NEVER)
        if due < NEVER:
            self.wake_at(max(due, now + COARSE_S))

    def _close(self) -> None:
        if self._door is not None:
            self._door.close()
        self._bound.close()

    def _look_around(self) -> None:
        """Is it over?"""
        joining = self._door is not None and self._door.joining
        if self.stopping and not (self.connections or self.running or joining):
            self._over.set()
