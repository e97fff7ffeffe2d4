"""granian in the place of Jano's own server: `[server] engine = "granian"`.

A server that many know, to compare with. A request crosses its two threads, which costs time; it
closes WebSockets without a word and answers a refused one with a bare 403; and at a stop it hangs
up on whoever has just connected, also where a service manager holds the socket.
"""

from __future__ import annotations

import socket
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from .http1.asgi import Application

_IDLE_MS = 120_000


class GranianListener(Server):
    """One embedded granian on a socket that is already bound.

    Overriding `_init_shared_socket` is the private seam that the pin in pyproject.toml keeps.
    """

    def __init__(self, bound: socket.socket, application: Application, *, backlog: int) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MS),
            backlog=backlog,
            # granian counts idle connections too, and lets further ones hang: never get there.
            backpressure=backlog,
            log_level=LogLevels.error,
            log_dictconfig={
                "handlers": {},
                "formatters": {},
                "loggers": {"_granian": {"propagate": True}},
            },
        )
        self._bound = bound

    def _init_shared_socket(self) -> None:
        is_unix = self._bound.family == socket.AF_UNIX
        backlog = self.backlog
        self._sfd: Any = self._bound.detach()  # The holder closes it.
        self._shd: Any = SocketHolder(self._sfd, is_unix, backlog)  # type: ignore[call-arg]
        self._ssp = None
