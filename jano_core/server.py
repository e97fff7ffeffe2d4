"""One run of the router, from bound sockets to a clean exit."""

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

from . import announcement
from .config.schema import Engine, ServerTable
from .doors import Doors
from .errors import JanoError
from .http1.asgi import Application
from .http1.listener import Listener
from .sd_notify import Notifier, Subject
from .sockets import BACKLOG, reachable, url_of

_LAST_SECONDS = 5.0
"""For requests that were cancelled to tell their clients so."""

_NEW_OBJECTS = 10_000
"""After so many Python looks for cycles. Hardly anything of a request is part of one, and with the
usual 700 the search took 5 to 7 % of the processor's time at 64 connections.
"""

log = logging.getLogger("jano.server")


class House(Protocol):
    """What is served: `jano_core.app.Jano`, or a stand-in."""

    @property
    def asgi(self) -> Application:
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


class Listening(Protocol):
    """A server on one bound socket: `http1.listener.Listener`, or granian."""

    async def serve(self) -> None:
        """Runs until it was told to stop and every answer is out."""
        ...

    def stop(self) -> None:
        """Let nobody in any more, and finish what is here."""
        ...


def listener(engine: Engine, bound: socket.socket, application: Application) -> Listening:
    """Make the one that `[server] engine` names; granian is loaded only where it is wanted."""
    if engine == "granian":
        from .granian_listener import GranianListener

        return GranianListener(bound, application, backlog=BACKLOG)
    return Listener(bound, application)


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
        server: ServerTable,
        router_file: Path,
        ready_file: Path | None = None,
        inherited: bool = False,
        notifier: Notifier | None = None,
    ) -> None:
        self._notifier = notifier or Notifier()
        self._inherited = inherited
        self._open_house = open_house
        self._sockets = sockets
        self._table = server
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
        listeners = [listener(self._table.engine, bound, doors) for bound in self._sockets]
        async with anyio.create_task_group() as serving:
            serving.start_soon(self._listen, listeners)
            for address in addresses:
                await _first_answer(address)
            # Modules and tables stay for ever: the collector need not look through them.
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            gc.enable()
            self._announce(url)
            self._notifier.ready(self._vitals)
            await self._told.wait()
            await self._finish(house, doors, listeners)
            # What did not end in time is cut off; granian leaves it behind, and it ends with us.
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

    async def _listen(self, listeners: list[Listening]) -> None:
        async with anyio.create_task_group() as tasks:
            for listener in listeners:
                tasks.start_soon(listener.serve)
        if not self._told.is_set():
            raise RuntimeError("the HTTP server ended by itself")
        self._drained.set()

    async def _finish(self, house: House, doors: Doors, listeners: list[Listening]) -> None:
        self._notifier.stopping()
        log.info(
            "stopping within %gs; requests still running: %d",
            self._table.shutdown_grace,
            house.busy(),
        )
        house.begin_shutdown()
        await doors.close_websockets()
        # While the socket still listens no successor can have taken the path.
        self._withdraw()
        for listener in listeners:
            listener.stop()
        self._patience.deadline = anyio.current_time() + self._table.shutdown_grace
        with self._patience:
            await self._drained.wait()
            return
        log.warning("stopping; requests cut short: %d", house.busy())
        house.cancel_all()
        with anyio.move_on_after(_LAST_SECONDS):
            await self._drained.wait()

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
        except Exception:
            # A plugin's, most likely. What is served goes on as it was.
            log.exception("the configuration was not reloaded")
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
