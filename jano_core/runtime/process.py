"""A model server as a child process: started under a guard, heard, ended with all it started."""

from __future__ import annotations

import codecs
import os
import signal
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import ByteReceiveStream

from ..errors import LoadFailed, StopFailed
from . import guards, process_tree
from .guards import ASK, GONE, KILL, Guard
from .pipe import Pipe

SECOND_TERM_S = 2.0
"""After the second SIGTERM: at the first, a llama-server with a stream in flight may stay."""
KILL_S = 5.0
LAST_WORDS_S = 0.2
"""How long the output of an ended process is still awaited: it says why."""
READ_SIZE = 65536


class GuardedProcess:
    """One command and everything it starts. See `guard` for what the guard is and why.

    `wait` and `end` pass the output on while they run; one of them must always be running, or the
    command stops once the pipe is full. `identity` is that of the command, not of its guard.
    """

    def __init__(self, guard: Guard, pipe: Pipe, output: Callable[[str], None]) -> None:
        self._guard: Guard | None = guard
        self._pipe = pipe
        self._output = Output(pipe, output)
        self._why = ""
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
        guard, pipe = guards.take(), Pipe()
        self = cls(guard, pipe, output)
        try:
            try:
                await guard.start(command, env, cwd or ".", pipe.end)
            finally:
                os.close(pipe.end)
            word, _, rest = (await guard.report()).partition(" ")
            if word == "pid":
                pid = int(rest)
                self.identity = process_tree.identify(pid) or process_tree.Identity(pid, "", "")
                return self
            step, _, why = rest.partition(" ")
            if step == "cwd":
                raise LoadFailed(f"cannot start in {cwd!r}: {why}")
            raise LoadFailed(f"cannot run {command[0]!r}: {why or 'its guard process failed'}")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.end(())
            raise

    @property
    def tree(self) -> set[int]:
        """Every process of it now."""
        return process_tree.descendants(self._guard.pid) if self._guard else set()

    async def wait(self) -> str:
        """Why the command ended, as soon as it has. What it started may still run."""
        if not self._why and self._guard:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._output.pump)
                self._why = _in_words(await self._guard.report())
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        return self._why

    async def end(self, patience: Sequence[float]) -> None:
        """Ask everything to end once for each patience (seconds), then kill it.

        Raises `StopFailed` if even that does not help. Returns at once if all of it is gone.
        """
        for seconds in patience:
            if await self._gone_after(ASK, seconds):
                return
        if not await self._gone_after(KILL, KILL_S):
            raise StopFailed(f"process {self.identity.pid} cannot be ended")

    async def _gone_after(self, order: bytes, seconds: float) -> bool:
        if self._guard:
            await self._guard.tell(order)
        return await self.gone_within(seconds)

    async def gone_within(self, seconds: float) -> bool:
        """Whether nothing of it is left, as soon as that is so and after `seconds` at most."""
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._output.pump)
                await self._until_gone()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        if self._guard is None:
            await self._pipe.aclose()
        return self._guard is None

    async def _until_gone(self) -> None:
        """Afterwards its guard may have another to guard."""
        if (guard := self._guard) is None:
            return
        while (line := await guard.report()) and line != GONE:
            self._why = _in_words(line)
        if not line and self.identity.boot:
            # The guard was killed before it could clean up. The command dies with it where the
            # system knows parent-death signals; its session is looked through here.
            while process_tree.kill_session(self.identity):  # noqa: ASYNC110 (nobody could tell)
                await anyio.sleep(0.01)
        self._guard = None
        with anyio.CancelScope(shield=True):
            await (guards.hand_back(guard) if line else guard.dismiss())


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


def _in_words(report: str) -> str:
    word, _, number = report.partition(" ")
    if word == "exit":
        return f"exited with status {number}"
    if word == "signal":
        return f"was killed by {signal.Signals(int(number)).name}"
    return "was left without its guard process, which was killed"
