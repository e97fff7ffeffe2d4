"""launchd, asked through `launchctl`: bootstrap, kickstart, bootout, print (macOS 10.11 on)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import anyio
from msgspec import Struct

from jano_core import JanoError, LoadFailed
from jano_core.toolbox import Answer, ask

MISSING = 113
"""Exit status of `print` and `kickstart` for a label that is not in the domain."""
BUSY = 5
"""Exit status of `bootstrap` while launchd still holds the label: some seconds after a bootout."""
SETTLE_S = 0.2
FIELD = re.compile(r"^\t(state|pid|last exit code|last terminating signal) = (.*)$", re.MULTILINE)


class Job(Struct, frozen=True):
    """What `launchctl print` says of a job; `loaded` is False where launchd does not know it.

    A job that was booted out stays loaded, as `SIGTERMed`, until its process has ended.
    """

    label: str
    loaded: bool = False
    state: str = ""
    pid: int = 0
    ended: str = ""

    def why(self) -> str:
        """Why it does not run, in words for people."""
        if not self.loaded:
            return f"launchd does not know {self.label}"
        return f"job {self.label} is {self.state}" + (f" ({self.ended})" if self.ended else "")


class Launchd:
    """One job in one domain: `gui/501` after a login at the screen, `user/501` without one."""

    def __init__(self, label: str, plist: Path, domain: str) -> None:
        self.label = label
        self._plist = plist
        self._domain = f"{domain}/{os.getuid()}"
        self._target = f"{self._domain}/{label}"

    async def show(self) -> Job:
        """How the job is now. Raises `JanoError` if launchd does not say."""
        answer = await ask("launchctl", "print", self._target)
        if answer.status == MISSING:
            return Job(self.label)
        if answer.status != 0:
            raise JanoError(f"launchctl print {self._target}: {answer.text.strip()}")
        fields = dict(FIELD.findall(answer.text))
        endings = [f"{key} {fields[key]}" for key in fields if key.startswith("last")]
        return Job(
            self.label,
            loaded=True,
            state=fields.get("state", ""),
            pid=int(fields.get("pid", 0)),
            ended=", ".join(each for each in endings if "never" not in each),
        )

    async def start(self) -> None:
        """Let the job run, from its plist if launchd does not know it. Bounded by who calls it.

        Raises `LoadFailed` with what launchctl says.
        """
        while not (await self.show()).loaded:
            answer = await ask("launchctl", "bootstrap", self._domain, str(self._plist))
            if answer.status == 0:
                break
            if answer.status != BUSY or not self._plist.exists():
                raise self._failure("bootstrap", answer)
            await anyio.sleep(SETTLE_S)
        answer = await ask("launchctl", "kickstart", self._target)
        if answer.status != 0:
            raise self._failure("kickstart", answer)

    async def stop(self) -> None:
        """Ask the job to end, and launchd not to start it again; returns at once."""
        await ask("launchctl", "bootout", self._target)

    async def kill(self) -> None:
        """End its process without grace."""
        await ask("launchctl", "kill", "SIGKILL", self._target)

    def _failure(self, what: str, answer: Answer) -> LoadFailed:
        return LoadFailed(f"launchctl {what} {self.label} failed", answer.text.strip())
