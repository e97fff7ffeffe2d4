"""A short command, such as a swap script: run to its end, heard line by line, ended if need be."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import Process

from .process import LAST_WORDS_S, Output

TERM_S = 1.0
LONGEST_LINE = 8192


class Command:
    """One command in a process group of its own. `start` it, then `run` it to its end."""

    def __init__(self, process: Process, output: Callable[[str], None]) -> None:
        assert process.stdout
        self._process = process
        self._output = Output(process.stdout, output)

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str = "",
        output: Callable[[str], None],
    ) -> Command:
        """Raises `OSError` where it cannot be run."""
        with anyio.CancelScope(shield=True):  # it is a moment, and half of it cannot be undone
            process = await anyio.open_process(
                command,
                env=env,
                cwd=cwd or None,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, output)

    async def run(self) -> int:
        """Its exit status, as soon as it has ended (negative: the signal that ended it).

        Bound it with a cancel scope: on cancellation the process group is ended before this
        returns. What a command leaves in the background when it ends by itself, stays.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._output.pump)
                status = await self._process.wait()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
            return status
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _end_group(self._process)
            raise

    async def listen(self) -> None:
        """After `run`: pass on what those in the background still say; else they would block."""
        await self._output.pump()


async def _end_group(process: Process) -> None:
    _signal_group(process.pid, signal.SIGTERM)
    with anyio.move_on_after(TERM_S):
        await process.wait()
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        pass


class LineReader:
    """Cuts text into lines, for those who look for words in it; a line without end is cut too."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._rest = ""

    def feed(self, text: str) -> None:
        """Take text as it comes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line.rstrip("\r"))
        if len(self._rest) > LONGEST_LINE:
            self._line(self._rest)
            self._rest = ""
