"""granian, embedded: one run of the router from bound sockets to a clean exit.

Jano binds the sockets and handles the signals itself, because granian would share a taken port,
tell the application nothing of SIGTERM, and wait for running streams without end.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import anyio
from anyio.abc import ByteStream, TaskStatus
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from . import announcement
from .doors import ASGI, Doors
from .errors import JanoError
from .sd_notify import Notifier, Subject
from .sockets import BACKLOG, reachable, stop_accepting, url_of

_LAST_SECONDS = 5.0
"""For requests that were cancelled to tell their clients so."""
_IDLE_MS = 120_000
"""For idle connections: longer than the pools of common clients, so that the client closes first
and no request meets a connection that is just being closed."""

_ON_THEIR_WAY_S = 0.1
"""For a request of somebody who has connected."""

log = logging.getLogger("jano.server")


class House(Protocol):
    """What is served: `jano_core.app.Jano`, or a stand-in."""

    @property
    def asgi(self) -> ASGI:
        """The application."""
        ...

    @property
    def vitals(self) -> Subject:
        """What the service manager hears of it; asked for only where there is one."""
        ...

    def busy(self) -> int:
        """How many requests wait or run."""
        ...

    def begin_shutdown(self) -> None:
        """Called at the first signal: what is here is finished, within the grace."""
        ...

    def cancel_all(self) -> None:
        """Called when the grace is over: end every request now, with a word to its client."""
        ...

    def reload(self) -> Awaitable[object]:
        """Called at SIGHUP; raises `JanoError` where nothing was changed."""
        ...


class Listener(Server):
    """One embedded granian on a socket that is already bound.

    Overriding `_init_shared_socket` is the private seam that the pin in pyproject.toml keeps.
    """

    def __init__(self, bound: socket.socket, application: ASGI) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MS),
            backlog=BACKLOG,
            # granian counts idle connections too, and lets further ones hang: never get there.
            backpressure=BACKLOG,
            log_level=LogLevels.error,
            log_dictconfig={
                "handlers": {},
                "formatters": {},
                "loggers": {"_granian": {"propagate": True}},
            },
        )
        self._bound = bound
        self.inode = os.fstat(bound.fileno()).st_ino

    def _init_shared_socket(self) -> None:
        is_unix = self._bound.family == socket.AF_UNIX
        self._sfd: Any = self._bound.detach()  # The holder closes it.
        self._shd: Any = SocketHolder(self._sfd, is_unix, BACKLOG)  # type: ignore[call-arg]
        self._ssp = None


class Router:
    """One run. `sockets` are bound; the first TCP one gives the URL. Times in seconds.

    `inherited` sockets belong to the service manager that `notifier` speaks to: the path of a unix
    one stays when Jano ends.
    """

    def __init__(
        self,
        open_house: Callable[[str], AbstractAsyncContextManager[House]],
        sockets: list[socket.socket],
        *,
        grace: float,
        router_file: Path,
        ready_file: Path | None = None,
        inherited: bool = False,
        notifier: Notifier | None = None,
    ) -> None:
        self._notifier = notifier or Notifier()
        self._inherited = inherited
        self._open_house = open_house
        self._sockets = sockets
        self._grace = grace
        self._router_file = router_file
        self._ready_file = ready_file
        self._unix_path = next(
            (Path(one.getsockname()) for one in sockets if one.family == socket.AF_UNIX), None
        )
        self._house: House | None = None
        self._opening = anyio.CancelScope()
        self._patience = anyio.CancelScope()
        self._told = anyio.Event()
        self._drained = anyio.Event()

    async def run(self) -> None:
        """Serve until the first SIGTERM or SIGINT, then finish; the second one ends it at once.

        Raises `JanoError` where the house cannot be opened.
        """
        wrong: JanoError | None = None
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._watch_signals)
                tasks.start_soon(self._notifier.keep_informed, self._vitals)
                with self._opening:
                    try:
                        async with self._open_house(self._url()) as house:
                            self._house = house
                            await self._serve(house)
                    except JanoError as error:
                        wrong = error  # Raised below: the task group would wrap it.
                tasks.cancel_scope.cancel()
        finally:
            self._withdraw()
        if wrong is not None:
            raise wrong

    def _vitals(self) -> Subject | None:
        return self._house.vitals if self._house else None

    async def _serve(self, house: House) -> None:
        url = self._url()
        doors = Doors(house.asgi)
        addresses = [bound.getsockname() for bound in self._sockets]
        listeners = [Listener(bound, doors) for bound in self._sockets]
        async with anyio.create_task_group() as serving:
            serving.start_soon(self._listen, listeners)
            for address in addresses:
                await _first_answer(address)
            # Modules and tables stay for ever: the collector need not look through them.
            gc.freeze()
            self._announce(url)
            self._notifier.ready(self._vitals)
            await self._told.wait()
            await self._finish(house, doors, listeners)
            # What did not end in time is left behind by granian; it ends with the process.
            serving.cancel_scope.cancel()

    def _url(self) -> str:
        return url_of(next(bound for bound in self._sockets if bound.family != socket.AF_UNIX))

    def _announce(self, url: str) -> None:
        unix, pid = str(self._unix_path or ""), os.getpid()
        log.info("listening on %s", f"{url} and {unix}" if unix else url)
        if self._ready_file is not None:
            announcement.write(self._ready_file, {"url": url, "pid": pid})
        try:
            announcement.write(self._router_file, {"url": url, "socket": unix, "pid": pid})
        except OSError as error:
            log.warning("commands will need --url: cannot write %s: %s", self._router_file, error)

    def _withdraw(self) -> None:
        for path in filter(None, [self._router_file, self._ready_file]):
            announcement.withdraw(path)
        if self._unix_path is not None:
            if not self._inherited:
                self._unix_path.unlink(missing_ok=True)
            self._unix_path = None

    async def _listen(self, listeners: list[Listener]) -> None:
        async with anyio.create_task_group() as tasks:
            for listener in listeners:
                tasks.start_soon(listener.serve)
        if not self._told.is_set():
            raise RuntimeError("the HTTP server ended by itself")
        self._drained.set()

    async def _finish(self, house: House, doors: Doors, listeners: list[Listener]) -> None:
        self._notifier.stopping()
        if self._inherited:
            await self._leave_the_rest_to_the_successor(listeners)
        log.info("stopping within %gs; requests still running: %d", self._grace, house.busy())
        house.begin_shutdown()
        # granian drops WebSockets without a word when it stops, so they are closed before.
        await doors.close_websockets()
        # While the socket still listens no successor can have taken the path.
        self._withdraw()
        for listener in listeners:
            listener.stop()
        self._patience.deadline = anyio.current_time() + self._grace
        with self._patience:
            await self._drained.wait()
            return
        log.warning("stopping; requests cut short: %d", house.busy())
        house.cancel_all()
        with anyio.move_on_after(_LAST_SECONDS):
            await self._drained.wait()

    async def _leave_the_rest_to_the_successor(self, listeners: list[Listener]) -> None:
        """Whoever comes now waits in the manager's sockets. granian's own stop would hang up on
        those that it has just accepted and whose request is still on its way.
        """
        for listener in listeners:
            stop_accepting(listener.inode)
        await anyio.sleep(_ON_THEIR_WAY_S)

    async def _watch_signals(self, *, task_status: TaskStatus[None]) -> None:
        signals = anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        async with anyio.create_task_group() as reloads:
            with signals as received:
                task_status.started()
                async for number in received:
                    if number == signal.SIGHUP:
                        reloads.start_soon(self._reload)
                    elif self._house is None:
                        self._opening.cancel()
                    elif not self._told.is_set():
                        self._told.set()
                    else:
                        self._patience.cancel()

    async def _reload(self) -> None:
        if self._house is None:
            return
        self._notifier.reloading()
        try:
            await self._house.reload()
        except JanoError as error:
            log.error("the configuration was not reloaded: %s", error)
        self._notifier.ready(self._vitals)


async def _first_answer(address: Any) -> None:
    """Return once a request to this address was answered: then the router really serves."""
    if isinstance(address, str):
        stream: ByteStream = await anyio.connect_unix(address)
    else:
        stream = await anyio.connect_tcp(*reachable(address))
    async with stream:
        await stream.send(b"GET /health HTTP/1.1\r\nhost: jano\r\nconnection: close\r\n\r\n")
        await stream.receive()
