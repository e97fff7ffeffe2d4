"""`launch = "process"`: the model server is a child of Jano, started by its `cmd`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import anyio

from ..errors import LoadFailed
from ..plugin.contracts import Launcher
from ..plugin.server import ServerSpec
from ..runtime import ports, sweep
from ..runtime.command import Command
from ..runtime.process import SECOND_TERM_S, GuardedProcess

DEFAULT_URL = "http://127.0.0.1:${PORT}"
THIS_BOX = ("127.0.0.1", "localhost", "::1")


class ProcessLauncher(Launcher):
    """Starts `cmd`, proves that what answers is its own, and ends it with all it started."""

    name = "process"
    _process: GuardedProcess | None = None
    _port: int | None = None
    _record: Path | None = None

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        if not spec.cmd:
            yield 'launch = "process" needs cmd'

    async def start(self) -> None:
        """Returns as soon as the command runs. Raises `LoadFailed` if it cannot, or if its port
        is taken.
        """
        spec, server = self.server.spec, self.server
        url = spec.url or DEFAULT_URL
        if any("${PORT}" in text for text in (url, *spec.cmd)):
            self._port = ports.free_port()
        server.url = self._fill(url)
        self._port = self._port or _local_port(server.url)
        if self._port and (holder := ports.holder(self._port)):
            raise LoadFailed(f"port {self._port} is taken by {holder}")
        self._process = await GuardedProcess.start(
            [self._fill(word) for word in spec.cmd],
            env=spec.env,
            cwd=spec.cwd,
            output=server.log,
        )
        server.pid = self._process.identity.pid
        if server.state_folder:
            try:
                self._record = sweep.write_down(server.state_folder, spec.model, server.pid)
            except OSError as error:  # a full disk, say: the guard ends it with Jano all the same
                server.log(f"jano: cannot be written down for the next start: {error}\n")

    async def verify(self) -> None:
        """The listener must belong to the process tree of `cmd`, where the system can tell."""
        assert self._process, "verify() follows start()"
        if not self._port or ports.held(self._port, {self._process.identity.pid}):
            return
        if stranger := ports.stranger(self._port, self._process.tree):
            raise LoadFailed(f"port {self._port} belongs to {stranger}, not to the model")

    async def wait(self) -> str:
        assert self._process, "wait() follows start()"
        return f"its process {await self._process.wait()}"

    async def stop(self) -> None:
        """`cmd_stop` or SIGTERM, `stop_timeout`, SIGTERM, a short wait, SIGKILL."""
        await self._end(grace=True)

    async def kill(self) -> None:
        await self._end(grace=False)

    async def _end(self, *, grace: bool) -> None:
        if self._process is None:
            return
        timeout = self.server.spec.stop_timeout
        patience = [timeout, SECOND_TERM_S] if grace else []
        if self.server.spec.cmd_stop:
            # Also without grace: it may be the only way to end what is no child of Jano's, such
            # as a container. It stands for the first SIGTERM.
            gone = await self._gone_by_command(timeout)
            patience = [] if gone else patience[1:]
        await self._process.end(patience)
        if self._record:
            sweep.forget(self._record)

    async def _gone_by_command(self, timeout: float) -> bool:
        assert self._process
        gone = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run_cmd_stop, timeout, tasks.cancel_scope)
            gone = await self._process.gone_within(timeout)
        return gone

    async def _run_cmd_stop(self, timeout: float, waiting: anyio.CancelScope) -> None:
        spec, status = self.server.spec, 1
        words = [self._fill(word) for word in spec.cmd_stop]
        with anyio.move_on_after(timeout):
            try:
                command = await Command.start(
                    words, env=spec.env, cwd=spec.cwd, output=self.server.log
                )
                status = await command.run()
            except OSError as error:
                self.server.log(f"cannot run cmd_stop {words[0]!r}: {error.strerror}\n")
        if status != 0:
            waiting.cancel()

    def _fill(self, text: str) -> str:
        values = {"PORT": self._port, "PID": self.server.pid, "MODEL": self.server.spec.model}
        for name, value in values.items():
            if value is not None:
                text = text.replace(f"${{{name}}}", str(value))
        return text


def _local_port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port if parts.hostname in THIS_BOX else None
