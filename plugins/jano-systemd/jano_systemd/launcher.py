"""One model server as one systemd unit: one that exists, or one made for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import anyio
from msgspec import Struct, field

from jano_core import Launcher, LoadFailed, Server, ServerSpec, StopFailed
from jano_core.toolbox import FileLog, ask, free_port, holder, stranger

from .journal import Journal
from .manager import Manager, Scope, Unit
from .transient import DEFAULT_URL, Recipe, unit_name

KILL_S = 5.0
LAST_WORDS_S = 0.3
NOTICE_S = 0.02
POLL_S = 1.0
GROUPS = Path("/sys/fs/cgroup")


class UnitSettings(Struct, frozen=True, kw_only=True):
    """`[models.X.settings]` of a model with `launch = "systemd"`."""

    manager: Scope = "user"
    keep: bool = False
    """A unit made by Jano stays when Jano ends, to be used by the next one."""
    properties: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Of a unit made by Jano, as systemd.exec(5) and systemd.resource-control(5) have them."""
    log: str = "journal"
    """Or the path of the file that the unit writes to."""


class SystemdLauncher(Launcher):
    """With `cmd` the unit is transient, made by Jano; without, `unit` names one that exists.

    Units that exist outlive Jano, like those it made with `keep`.
    """

    name: ClassVar[str] = "systemd"
    Settings = UnitSettings

    def __init__(self, server: Server, settings: UnitSettings | None = None) -> None:
        super().__init__(server, settings)
        spec = server.spec
        self._settings = settings = settings or UnitSettings()
        self._unit = spec.options.get("unit") or unit_name(spec.model)
        self._manager = Manager(settings.manager)
        self._recipe: Recipe | None = None
        log = Path(settings.log).expanduser()
        if spec.cmd:
            own = {} if settings.log == "journal" else {"StandardOutput": f"append:{log}"}
            own["StandardError"] = "inherit"
            self._recipe = Recipe(spec, own | _as_text(settings.properties))
        self._output = (
            Journal(self._unit, settings.manager, server.log)
            if settings.log == "journal"
            else FileLog(log, server.log)
        )
        self._main_pid = 0

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        unit = spec.options.get("unit", "")
        if not spec.cmd and not unit:
            yield 'launch = "systemd" needs unit (one that exists) or cmd (Jano makes one)'
        if not spec.cmd and not spec.url:
            yield "a unit that exists needs url: where its server answers"
        if unit and not unit.endswith(".service"):
            yield f'unit "{unit}" must end with .service'

    @property
    def stays(self) -> bool:
        return self._recipe is None or self._settings.keep

    async def adopt(self) -> bool:
        """A transient unit is adopted only if it was made of the same configuration; another one
        of its name is put away.
        """
        unit = await self._manager.show(self._unit)
        if unit.active != "active":
            return False
        if self._recipe:
            url = self._recipe.url_in(unit.description)
            if not url:
                self.server.log(f"jano: {self._unit} was made of another configuration\n")
                await self.stop()
                return False
            self.server.url = url
        self._take(unit)
        return True

    async def start(self) -> None:
        """Returns when systemd says that the unit is up. Raises `LoadFailed` with its reason."""
        try:
            if self._recipe:
                await self._make(self._recipe)
            else:
                answer = await self._manager.start(self._unit)
                if answer.status != 0:
                    unit = await self._manager.show(self._unit)
                    raise LoadFailed(unit.why(), answer.text)
            self._take(await self._manager.show(self._unit))
        except BaseException:
            with anyio.CancelScope(shield=True):
                with anyio.move_on_after(LAST_WORDS_S):
                    await self._output.pump()
                await self.stop()
            raise

    async def verify(self) -> None:
        """Whoever listens must be in the unit's control group, where that can be seen."""
        port = urlsplit(self.server.url).port
        unit = await self._manager.show(self._unit)
        members = _members(unit.control_group)
        if port and members and (other := stranger(port, members)):
            raise LoadFailed(f"port {port} belongs to {other}, not to {self._unit}")

    async def wait(self) -> str:
        """The kernel tells when the unit's main process ends, and systemd then why."""
        why = ""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._output.pump)
            while not why:
                await _process_end(self._main_pid)
                unit = await self._manager.show(self._unit)
                if not unit.up:
                    why = unit.why()
                elif unit.main_pid != self._main_pid and self._main_pid:
                    why = f"unit {self._unit} was restarted behind Jano's back"
                else:
                    await anyio.sleep(NOTICE_S)
            tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S
        return why

    async def stop(self) -> None:
        with anyio.move_on_after(self.server.spec.stop_timeout) as patience:
            await self._manager.stop(self._unit)
        if patience.cancelled_caught:
            await self.kill()
        else:
            await self._prove_gone()

    async def kill(self) -> None:
        await self._manager.kill(self._unit)
        with anyio.move_on_after(KILL_S):
            await self._manager.stop(self._unit)
        await self._prove_gone()

    async def _make(self, recipe: Recipe) -> None:
        """Put away what has the unit's name, and make it anew."""
        spec, server = self.server.spec, self.server
        await self.stop()
        url = spec.url or DEFAULT_URL
        port = free_port() if any("${PORT}" in word for word in (url, *spec.cmd)) else None
        server.url = recipe.fill(url, port)
        port = port or urlsplit(server.url).port
        if port and (other := holder(port)):
            raise LoadFailed(f"port {port} is taken by {other}")
        command = recipe.command(self._unit, self._settings.manager, server.url, port)
        answer = await ask(*command, env=spec.own_env)
        if answer.status != 0:
            raise LoadFailed(f"systemd-run could not start {self._unit}", answer.text.strip())

    async def _prove_gone(self) -> None:
        unit = await self._manager.show(self._unit)
        if unit.active == "failed" and self._recipe:
            await self._manager.forget(self._unit)
        elif unit.active not in ("inactive", "failed"):
            raise StopFailed(f"unit {self._unit} is still {unit.active}")

    def _take(self, unit: Unit) -> None:
        if not unit.up:
            raise LoadFailed(unit.why())
        self._main_pid = unit.main_pid
        self.server.pid = unit.main_pid or None


async def _process_end(pid: int) -> None:
    """Return when the process has ended; soon, where there is none to watch."""
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, OverflowError):
        await anyio.sleep(POLL_S)
        return
    try:
        await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)


def _members(control_group: str) -> set[int]:
    """Every process in the group and those below it; none where the groups cannot be read."""
    folder = GROUPS / control_group.lstrip("/")
    found: set[int] = set()
    for file in folder.rglob("cgroup.procs") if control_group else ():
        try:
            found |= {int(line) for line in file.read_text().split()}
        except OSError:
            continue
    return found


def _as_text(properties: Mapping[str, str | int | bool]) -> dict[str, str]:
    return {
        name: ("yes" if value else "no") if isinstance(value, bool) else str(value)
        for name, value in properties.items()
    }
