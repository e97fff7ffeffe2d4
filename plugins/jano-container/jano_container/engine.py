"""Docker or Podman, asked through its command: what is used here, both understand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct, field

from jano_core import JanoError
from jano_core.toolbox import Answer, LineReader, ask, follow

ENGINES = ("docker", "podman")
STAMPED = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) ?(.*)$")


class State(Struct, frozen=True, rename="pascal"):
    """`.State` of an inspected container."""

    status: str = ""
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = field(name="OOMKilled", default=False)


class Config(Struct, frozen=True, rename="pascal"):
    """`.Config` of an inspected container."""

    labels: dict[str, str] | None = None


class Container(Struct, frozen=True, rename="pascal"):
    """What the engine says of a container."""

    state: State
    config: Config

    @property
    def running(self) -> bool:
        """It has a process."""
        return self.state.status in ("running", "paused")

    def why(self) -> str:
        """How it ended, in words for people."""
        memory = ", out of memory" if self.state.oom_killed else ""
        return f"its container is {self.state.status} with status {self.state.exit_code}{memory}"


def _engine_here() -> str:
    from shutil import which  # brings along every kind of archive

    return next(filter(which, ENGINES), ENGINES[0])


class Engine:
    """One engine and one container by name. Raises `JanoError` where the engine does not answer."""

    def __init__(self, command: str, name: str, sink: Callable[[str], None]) -> None:
        self.command = command or _engine_here()
        self.name = name
        self._sink = sink
        self._heard = ""

    async def show(self) -> Container | None:
        """The container as it is now; None if there is none of its name."""
        answer = await ask(self.command, "container", "inspect", self.name)
        if answer.status == 0:
            [found] = msgspec.json.decode(answer.text, type=list[Container])
            return found
        if "no such" in answer.text.lower():
            return None
        raise JanoError(f"{self.command} does not answer: {answer.text.strip()}")

    async def run(self, arguments: list[str], env: Mapping[str, str]) -> Answer:
        """`run` a container in the background."""
        return await ask(self.command, "run", *arguments, env=env)

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and after so many seconds SIGKILL; returns when it has ended."""
        await ask(self.command, "stop", "--time", f"{max(1, round(seconds))}", self.name)

    async def remove(self) -> None:
        """End it at once, if it runs, and forget its name."""
        await ask(self.command, "rm", "--force", "--volumes", self.name)

    async def ended(self) -> None:
        """Return when it has ended."""
        await ask(self.command, "wait", self.name)

    async def listen(self) -> None:
        """Pass on what it says, until it ends; called again it goes on where it was."""
        since = ["--since", self._heard] if self._heard else []
        lines = LineReader(self._hear)
        await follow(
            self.command, "logs", "--follow", "--timestamps", *since, self.name, output=lines.feed
        )

    def _hear(self, line: str) -> None:
        found = STAMPED.match(line)
        if found and found[1] > self._heard:  # the engine repeats the line of that very moment
            self._heard = found[1]
            self._sink(f"{found[2]}\n")
