"""Guard processes, each with its line to Jano. One that has nothing left to guard is kept, so that
a swap need not wait for the start of an interpreter.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

import anyio

from ..errors import LoadFailed
from . import guard

KEPT = 1
"""Idle guards that are kept: a swap ends one server and starts another."""
ORDER_S = 5.0
"""An order is a moment's work; a guard that does not take it is of no use."""
REAP_S = 1.0
LOOK_AGAIN_S = 0.005
ASK, KILL, GONE = b"T", b"K", "gone"


class Guard:
    """Jano's end of the line to one guard process; the protocol is in `guard`."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        self._rest = b""
        with theirs:
            self._process = subprocess.Popen(  # anyio's processes belong to one event loop
                [sys.executable, "-I", "-S", guard.__file__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """That of the guard process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Is it there?"""
        return self._process.poll() is None

    async def start(
        self, command: Sequence[str], env: Mapping[str, str], folder: str, output: int
    ) -> None:
        """Have it run a command whose output goes to the pipe `output`; a report tells what came of
        it. Not cancelled in the middle. Raises `LoadFailed` where the guard does not take it.
        """
        settings = [f"{name}={value}" for name, value in env.items()]
        words = [folder, str(len(command)), *command, *settings]
        text = b"".join(os.fsencode(word) + b"\0" for word in words)
        order = guard.START + len(text).to_bytes(guard.SIZE, "big") + text
        try:
            with anyio.fail_after(ORDER_S, shield=True):
                sent = socket.send_fds(self._line, [order], [output])
                await self._send(order[sent:])
        except (OSError, TimeoutError) as error:
            self._process.kill()
            raise LoadFailed("the guard process does not answer") from error

    async def tell(self, order: bytes) -> None:
        """`ASK` or `KILL`; nothing happens where the guard is gone, for so is all it guarded."""
        try:
            await self._send(order)
        except OSError:
            pass

    async def report(self) -> str:
        """Its next report; empty once it is gone."""
        while b"\n" not in self._rest:
            await anyio.wait_readable(self._line)
            try:
                more = self._line.recv(1024)
            except ConnectionError:
                more = b""
            if not more:
                return ""
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    async def dismiss(self) -> None:
        """Let it go. It leaves at once if it has nothing to guard."""
        self._line.close()
        with anyio.move_on_after(REAP_S):
            while self.lives:  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(LOOK_AGAIN_S)

    async def _send(self, text: bytes) -> None:
        while text:
            try:
                text = text[self._line.send(text) :]
            except BlockingIOError:
                await anyio.wait_writable(self._line)


_idle: list[Guard] = []
"""Of this process, as all processes are: whatever event loop they are used from."""


def take() -> Guard:
    """One that is free, or a new one. Whoever takes it hands it back, or dismisses it."""
    while _idle:
        kept = _idle.pop()
        if kept.lives:
            return kept
    return Guard()


async def hand_back(kept: Guard) -> None:
    """Nothing is left of what it guarded."""
    if len(_idle) < KEPT and kept.lives:
        _idle.append(kept)
    else:
        await kept.dismiss()


async def dismiss_all() -> None:
    """Nothing will be started any more."""
    while _idle:
        await _idle.pop().dismiss()
