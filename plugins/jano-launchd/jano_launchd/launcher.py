"""One model server as one launchd job, described by its plist."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

import anyio
from msgspec import Struct

from jano_core import Launcher, LoadFailed, Server, ServerSpec, StopFailed
from jano_core.toolbox import FileLog

from .launchctl import Job, Launchd

KILL_S = 5.0
POLL_S = 0.05
NOTICE_S = 0.2


class JobSettings(Struct, frozen=True, kw_only=True):
    """`[models.X.settings]` of a model with `launch = "launchd"`."""

    plist: str = ""
    """Default: `~/Library/LaunchAgents/LABEL.plist`."""
    domain: Literal["gui", "user"] = "gui"
    """`user` where nobody is logged in at the screen."""


class LaunchdLauncher(Launcher):
    """Starts and stops the job `label`. The job is launchd's: it goes on when Jano ends."""

    name: ClassVar[str] = "launchd"
    Settings = JobSettings

    def __init__(self, server: Server, settings: JobSettings | None = None) -> None:
        super().__init__(server, settings)
        settings = settings or JobSettings()
        label = server.spec.options.get("label", "")
        default = Path.home() / "Library" / "LaunchAgents" / f"{label}.plist"
        plist = Path(settings.plist).expanduser() if settings.plist else default
        self._launchd = Launchd(label, plist, settings.domain)
        self._logs = [FileLog(path, server.log) for path in _outputs(plist)]
        self._pid = 0

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        if not spec.options.get("label"):
            yield 'launch = "launchd" needs label'
        if not spec.url:
            yield "a launchd job needs url: where its server answers"

    @property
    def stays(self) -> bool:
        return True

    async def adopt(self) -> bool:
        job = await self._launchd.show()
        self._take(job)
        return job.state == "running"

    async def start(self) -> None:
        """Returns when launchd has given the job a process."""
        try:
            await self._launchd.start()
            while not (job := await self._launchd.show()).pid:
                if job.state == "not running" and job.ended:
                    raise LoadFailed(job.why())
                await anyio.sleep(POLL_S)
            self._take(job)
        except BaseException:
            self._hear_the_rest()
            with anyio.CancelScope(shield=True):
                await self.stop()
            raise

    async def wait(self) -> str:
        """Its process is looked at five times a second; launchd says how it ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            while _alive(self._pid):  # noqa: ASYNC110 (nobody tells)
                await anyio.sleep(NOTICE_S)
            job = await self._launchd.show()
            tasks.cancel_scope.cancel()
        self._hear_the_rest()
        if job.pid not in (0, self._pid):
            return f"job {job.label} was restarted behind Jano's back"
        return job.why()

    async def stop(self) -> None:
        await self._launchd.stop()
        if not await self._gone_within(self.server.spec.stop_timeout):
            await self.kill()

    async def kill(self) -> None:
        await self._launchd.stop()
        await self._launchd.kill()
        if not await self._gone_within(KILL_S):
            raise StopFailed((await self._launchd.show()).why())

    async def _gone_within(self, seconds: float) -> bool:
        """Whether launchd has let go of it, which it does when the process has ended."""
        with anyio.move_on_after(seconds):
            while (await self._launchd.show()).loaded:  # noqa: ASYNC110 (nobody tells)
                await anyio.sleep(POLL_S)
            return True
        return False

    def _take(self, job: Job) -> None:
        self._pid = job.pid
        self.server.pid = job.pid or None

    async def _follow(self) -> None:
        async with anyio.create_task_group() as tasks:
            for log in self._logs:
                tasks.start_soon(log.pump)

    def _hear_the_rest(self) -> None:
        for log in self._logs:
            log.catch_up()


def _outputs(plist: Path) -> set[Path]:
    """The files that the job's plist sends its output to."""
    import plistlib  # with a parser of XML, which only a Mac needs

    try:
        job = plistlib.loads(plist.read_bytes())
    except (OSError, ValueError):
        return set()
    keys = ("StandardOutPath", "StandardErrorPath")
    return {Path(job[key]) for key in keys if key in job}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
