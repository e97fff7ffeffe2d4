"""The door of a bound socket: lets in whoever waits there."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from ..errors import LACKS

AT_ONCE = 256
"""Connections that are let in in one step of the event loop."""
PAUSE_S = 1.0
"""Until somebody is let in again when there were no more open files."""

log = logging.getLogger("jano.http1")


class Acceptor:
    """Makes a protocol for each client of `bound`, which listens; closes the socket in the end.

    Not `loop.create_server`: uvloop's lets in one client in a step of the loop, and with hundreds
    of requests under way, whose steps are long, the last of a crowd waited for seconds. `settled`
    is called whenever a client that was let in is connected, or gone again.
    """

    def __init__(
        self,
        bound: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        settled: Callable[[], None],
    ) -> None:
        self.joining: set[asyncio.Task[None]] = set()
        """Clients that are let in and not connected yet."""
        self._bound = bound
        self._protocol = protocol
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Let clients in from now on."""
        self._pause = None
        self._loop.add_reader(self._bound.fileno(), self._accept)

    def close(self) -> None:
        """Let nobody in any more. Who waits in the queue stays there for others that hold it."""
        if self._bound.fileno() < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._bound.fileno())
        self._bound.close()

    def abort(self) -> None:
        """End who is let in and not connected yet."""
        for task in tuple(self.joining):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in LACKS:
                    self._wait_for_files(error)
                    return
                continue  # of one client that has left already
            client.setblocking(False)
            task = self._loop.create_task(self._join(client))
            self.joining.add(task)
            task.add_done_callback(self._joined)

    async def _join(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, client)
        except OSError:
            client.close()
        except BaseException:
            client.close()
            raise

    def _joined(self, task: asyncio.Task[None]) -> None:
        self.joining.discard(task)
        self._settled()

    def _wait_for_files(self, error: OSError) -> None:
        log.warning("nobody is let in for %gs: %s", PAUSE_S, error.strerror)
        self._loop.remove_reader(self._bound.fileno())
        self._pause = self._loop.call_later(PAUSE_S, self.open)
