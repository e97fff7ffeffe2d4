"""A model server as a child process: started under a guard, heard, ended with all it started."""

from __future__ import annotations

import codecs
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import ByteReceiveStream, Process

from ..errors import LoadFailed, StopFailed
from . import guard, process_tree

SECOND_TERM_S = 2.0
"""After the second SIGTERM: at the first, a llama-server with a stream in flight may stay."""
KILL_S = 5.0
LAST_WORDS_S = 0.2
"""How long the output of an ended process is still awaited: it says why."""
READ_SIZE = 65536

REAP_S = 1.0
ASK, KILL, GONE = b"T", b"K", "gone"


class GuardedProcess:
    """One command and everything it starts. See `guard` for what the guard is and why.

    `wait` and `end` pass the output on while they run; one of them must always be running, or the
    command stops once the pipe is full. `identity` is that of the command, not of its guard.
    """

    def __init__(self, process: Process, output: Callable[[str], None]) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._guard = process
        self._orders = process.stdin
        self._reports = _Lines(process.stderr)
        self._output = Output(process.stdout, output)
        self._why = ""
        self._proven_gone = False
        self.identity = process_tree.Identity(0, "", "")

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        output: Callable[[str], None],
    ) -> GuardedProcess:
        """Returns once the command runs; raises `LoadFailed` if it cannot be run.

        When this raises or is cancelled, nothing is left of it.
        """
        shell = [sys.executable, "-I", "-S", guard.__file__, *command]
        try:
            with anyio.CancelScope(shield=True):  # it is a moment, and half of it cannot be undone
                process = await anyio.open_process(
                    shell, env=env, cwd=cwd or None, start_new_session=True
                )
        except OSError as error:
            raise LoadFailed(f"cannot start in {cwd!r}: {error.strerror}") from error
        self = cls(process, output)
        try:
            word, _, rest = (await self._reports.next()).partition(" ")
            if word == "pid":
                pid = int(rest)
                self.identity = process_tree.identify(pid) or process_tree.Identity(pid, "", "")
                return self
            raise LoadFailed(f"cannot run {command[0]!r}: {rest or 'its guard process failed'}")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.end(())
            raise

    @property
    def tree(self) -> set[int]:
        """Every process of it now."""
        return process_tree.descendants(self._guard.pid)

    async def wait(self) -> str:
        """Why the command ended, as soon as it has. What it started may still run."""
        if not self._why:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._output.pump)
                self._why = _in_words(await self._reports.next())
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        return self._why

    async def end(self, patience: Sequence[float]) -> None:
        """Ask everything to end once for each patience (seconds), then kill it.

        Raises `StopFailed` if even that does not help. Returns at once if all of it is gone.
        """
        for seconds in patience:
            await self._order(ASK)
            if await self.gone_within(seconds):
                return
        await self._order(KILL)
        if not await self.gone_within(KILL_S):
            raise StopFailed(f"process {self.identity.pid} cannot be ended")

    async def gone_within(self, seconds: float) -> bool:
        """Whether nothing of it is left, as soon as that is so and after `seconds` at most."""
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._output.pump)
                await self._until_gone()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        return self._proven_gone

    async def _until_gone(self) -> None:
        while (line := await self._reports.next()) and line != GONE:
            self._why = _in_words(line)
        if not line and self.identity.boot and not self._proven_gone:
            # The guard was killed before it could clean up. The command dies with it where the
            # system knows parent-death signals; its session is looked through here.
            while process_tree.kill_session(self.identity):  # noqa: ASYNC110 (nobody could tell)
                await anyio.sleep(0.01)
        self._proven_gone = True
        await self._orders.aclose()
        with anyio.move_on_after(REAP_S):
            await self._guard.wait()

    async def _order(self, order: bytes) -> None:
        try:
            await self._orders.send(order)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the guard is gone: so is all that it guarded


class Output:
    """The text of a pipe, passed on as it comes; survives any bytes and any length of line."""

    def __init__(self, stream: ByteReceiveStream, sink: Callable[[str], None]) -> None:
        self._stream = stream
        self._sink = sink
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    async def pump(self) -> None:
        """Run until the pipe ends; may be cancelled and run again, nothing is lost."""
        try:
            while True:
                self._sink(self._decoder.decode(await self._stream.receive(READ_SIZE)))
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return


class _Lines:
    """The guard's reports, one at a time; empty once the guard is gone."""

    def __init__(self, stream: ByteReceiveStream) -> None:
        self._stream = stream
        self._rest = b""

    async def next(self) -> str:
        while b"\n" not in self._rest:
            try:
                self._rest += await self._stream.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                return ""
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")


def _in_words(report: str) -> str:
    word, _, number = report.partition(" ")
    if word == "exit":
        return f"exited with status {number}"
    if word == "signal":
        return f"was killed by {signal.Signals(int(number)).name}"
    return "was left without its guard process, which was killed"
