"""systemd, asked through `systemctl`: no D-Bus library and no message bus are needed for that,
because it reaches the manager over its private socket.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from jano_core import JanoError
from jano_core.toolbox import Answer, ask

Scope = Literal["user", "system"]

FIELDS = {
    "LoadState": "load",
    "ActiveState": "active",
    "SubState": "sub",
    "Result": "result",
    "MainPID": "main_pid",
    "ExecMainCode": "code",
    "ExecMainStatus": "status",
    "ControlGroup": "control_group",
    "Description": "description",
}

EXITED = 1
"""`ExecMainCode` is a CLD_ number of waitid(2): this one means an exit status, others a signal."""


class Unit(Struct, kw_only=True):
    """What the manager says of a unit, in its own words."""

    name: str
    load: str = ""
    active: str = ""
    sub: str = ""
    result: str = ""
    main_pid: int = 0
    code: int = 0
    status: int = 0
    control_group: str = ""
    description: str = ""

    @property
    def up(self) -> bool:
        """It runs, or is about to."""
        return self.active in ("active", "activating", "reloading") and self.sub != "auto-restart"

    def why(self) -> str:
        """Why it is not up, in words for people."""
        if self.load == "not-found":
            return f"there is no unit {self.name}"
        how = "exited with status" if self.code == EXITED else "was killed by signal"
        ended = f"; its process {how} {self.status}" if self.code else ""
        return f"unit {self.name} is {self.active} ({self.result}){ended}"


class Manager:
    """The user's manager, or the machine's. Every call raises `JanoError` if it cannot be asked."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def show(self, unit: str) -> Unit:
        """How the unit is now."""
        answer = await self._ask("show", unit, f"--property={','.join(FIELDS)}")
        found = Unit(name=unit)
        for line in answer.text.splitlines():
            key, _, value = line.partition("=")
            if key in FIELDS:
                name = FIELDS[key]
                number = isinstance(getattr(found, name), int)
                setattr(found, name, int(value or 0) if number else value)
        if answer.status != 0 or not found.load:
            raise JanoError(f"systemd does not tell about {unit}: {answer.text.strip()}")
        return found

    async def start(self, unit: str) -> Answer:
        """Start it; returns when it is up or has failed."""
        return await self._ask("start", unit)

    async def stop(self, unit: str) -> Answer:
        """Stop it; returns when it is gone, by whatever means its own settings allow."""
        return await self._ask("stop", unit)

    async def kill(self, unit: str) -> None:
        """Kill every process of it."""
        await self._ask("kill", "--signal=KILL", unit)

    async def forget(self, unit: str) -> None:
        """Drop what is remembered of its failure; a failed transient unit is gone with that."""
        await self._ask("reset-failed", unit)

    async def _ask(self, *words: str) -> Answer:
        return await ask("systemctl", f"--{self.scope}", "--no-ask-password", *words)
