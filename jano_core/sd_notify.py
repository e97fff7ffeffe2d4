"""What the service manager (systemd) is told: ready, reloading, stopping, alive, one human line.

The protocol is one datagram of `NAME=value` lines to `$NOTIFY_SOCKET`, see sd_notify(3); no library
is needed for it. Without a manager nothing is said and nobody is woken up.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import anyio

log = logging.getLogger("jano.server")

_EXTENDING_S = 5.0
"""How often the manager is asked for more time while Jano starts, preloads or stops."""
_LINE_S = 1.0
"""The status line changes no more often than this."""


class Subject(Protocol):
    """Whose life is told: a house."""

    @property
    def preloading(self) -> bool:
        """Models are being loaded that nobody has asked for yet."""
        ...

    def pulse(self) -> str:
        """Let the scheduler do its work, and say in one line how things are."""
        ...

    def changed(self) -> Awaitable[None]:
        """Return once something has happened."""
        ...


class Notifier:
    """Speaks to the manager. `watchdog` is the time in seconds after which a silent Jano is killed
    and started again; None: nobody minds.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._in_transit = True
        """Starting or stopping: the manager's time limits apply."""
        self._line = ""

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Notifier:
        """The manager that started this process, if one did and wants to hear."""
        watchdog = None
        if env.get("WATCHDOG_USEC") and env.get("WATCHDOG_PID", str(os.getpid())) == str(
            os.getpid()
        ):
            watchdog = int(env["WATCHDOG_USEC"]) / 1e6
        return cls(env.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self, house: Callable[[], Subject | None]) -> None:
        """Requests are answered, and servers that ran already are in use."""
        self._in_transit = False
        self._tell("READY=1")
        if self._address:
            self._tell_more(house())

    def reloading(self) -> None:
        """The configuration is being read again; `ready` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """What runs is finished, nothing new is begun."""
        self._in_transit = True
        self._tell("STOPPING=1", _more_time())

    async def keep_informed(self, house: Callable[[], Subject | None]) -> None:
        """A task for as long as the router lives; returns at once where nobody listens.

        A sign of life is sent only after the scheduler has handled an event: an event loop that
        is stuck, and a scheduler that raises, both count as dead.
        """
        if not self._address:
            return
        while True:
            subject = house()
            with anyio.move_on_after(self._tell_more(subject)):
                if subject is not None:
                    await subject.changed()
                await anyio.sleep(_LINE_S)

    def _tell_more(self, house: Subject | None) -> float:
        """Say what there is to say; returns in how many seconds there is more."""
        words, pause = [], math.inf
        if house is not None and (line := house.pulse()) != self._line:
            self._line = line
            words.append(f"STATUS={line}")
        if self._watchdog:
            words.append("WATCHDOG=1")
            pause = self._watchdog / 2
        if self._in_transit or (house and house.preloading):
            words.append(_more_time())
            pause = min(pause, _EXTENDING_S)
        self._tell(*words)
        return pause

    def _tell(self, *words: str) -> None:
        if not (words and self._address):
            return
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as to_manager:
            try:
                to_manager.setblocking(False)
                to_manager.sendto("\n".join(words).encode(), self._address)
            except OSError as error:
                log.warning("the service manager does not hear: %s", error)


def _more_time() -> str:
    return f"EXTEND_TIMEOUT_USEC={int(4 * _EXTENDING_S * 1e6)}"
