"""`launch = "script"`: a command of the user's puts one model in the place of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import anyio

from ..errors import LoadFailed, UpstreamError
from ..plugin.contracts import Launcher
from ..plugin.server import ServerSpec
from ..runtime.command import Command, LineReader

STATUS_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 1.5
ANY_LOADED = re.compile(r":\s*loaded\b", re.IGNORECASE)
NAME_CHARACTER = r"[\w.:/@+-]"


class ScriptLauncher(Launcher):
    """Runs `cmd MODEL`, which makes MODEL live in the place of whatever was, and exits with 0.

    The server is no child of Jano's: nobody watches its process, and it goes when the script
    brings up the next model. `cmd` is the script with its own arguments.
    """

    name = "script"
    _command: Command | None = None
    _fraction: float | None = None
    _note = ""

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        if not spec.cmd:
            yield 'launch = "script" needs swap.command (or cmd)'
        if not spec.url:
            yield 'launch = "script" needs url'

    async def adopt(self) -> bool:
        """`cmd status` prints `MODEL: loaded`; if it names no loaded model, `health` decides."""
        said: list[str] = []
        status: int | None = None
        try:
            with anyio.move_on_after(STATUS_TIMEOUT_S):
                status = await self._run("status", said.append)
        except OSError:
            return False
        text = "".join(said)
        if status == 0 and ANY_LOADED.search(text):
            return says_loaded(text, self.server.spec.model)
        return await self._healthy()

    async def start(self) -> None:
        """Returns when the script has. Bounded by who calls it: when cancelled, the script's
        process group is ended. Raises `LoadFailed` if it cannot be run or exits with an error.
        """
        lines = LineReader(self._listen)

        def output(text: str) -> None:
            self.server.log(text)
            lines.feed(text)

        try:
            status = await self._run(self.server.spec.model, output)
        except OSError as error:
            raise LoadFailed(f"cannot run swap command: {error}") from error
        if status != 0:
            raise LoadFailed(f"swap command exited with status {status}")

    async def wait(self) -> str:
        """There is no process to watch. That it is gone shows when a request cannot reach it."""
        if self._command:
            await self._command.listen()
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def stop(self) -> None:
        """The next call of the script puts it away."""

    async def _run(self, argument: str, output: Callable[[str], None]) -> int:
        server = self.server
        env = {
            **server.spec.env,
            "JANO_MODEL": server.spec.model,
            "JANO_FROM": server.coming_from,
            "JANO_URL": server.router_url,
        }
        words = [*server.spec.cmd, argument]
        self._command = await Command.start(words, env=env, cwd=server.spec.cwd, output=output)
        return await self._command.run()

    def _listen(self, line: str) -> None:
        """`jano:progress 0.4` and `jano:note text` are for the clients that wait."""
        word, _, rest = line.strip().partition(" ")
        if word == "jano:note":
            self._note = rest.strip()
        elif word == "jano:progress":
            try:
                self._fraction = min(1.0, max(0.0, float(rest)))
            except ValueError:
                return
        else:
            return
        self.server.progress(self._fraction, self._note)

    async def _healthy(self) -> bool:
        health = self.server.spec.health
        if not health.startswith("/"):
            return False
        try:
            return (await self.server.http.get(health, timeout=HEALTH_TIMEOUT_S)).ok
        except UpstreamError:
            return False


def says_loaded(text: str, model: str) -> bool:
    """Whether a status text says `MODEL: loaded` of this very model, not of `my-MODEL`."""
    exactly = rf"(?<!{NAME_CHARACTER}){re.escape(model)}:\s*loaded\b"
    return re.search(exactly, text, re.IGNORECASE) is not None
