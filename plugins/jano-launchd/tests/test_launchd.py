"""The launcher's contract, and what is launchd's alone, against the stand-in beside this file."""

from __future__ import annotations

import os
import plistlib
import signal
import sys
from pathlib import Path

import anyio
import pytest

from jano_core import LoadFailed, Server, ServerSpec
from jano_core.runtime.readiness import ServerHttp
from jano_core.testing.launcher_contract import LauncherContract
from jano_launchd import LaunchdLauncher
from jano_launchd.launcher import JobSettings
from tests.processes import alive

pytestmark = pytest.mark.wire

STAND_IN = Path(__file__).with_name("launchctl.py")
LABEL = "io.github.jano.chat"
SERVER = "import time; print('loading weights', flush=True); time.sleep(60)"
URL = "http://127.0.0.1:9"


def job(home: Path, program: str) -> None:
    agents = home / "Library" / "LaunchAgents"
    agents.mkdir(parents=True, exist_ok=True)
    plist = {
        "Label": LABEL,
        "ProgramArguments": [sys.executable, "-S", "-c", program],
        "StandardOutPath": str(home / "chat.log"),
    }
    (agents / f"{LABEL}.plist").write_bytes(plistlib.dumps(plist))


@pytest.fixture(autouse=True)
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one job, and a PATH with the stand-in."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "launchctl"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -S {STAND_IN} "$@"\n')
    command.chmod(0o755)
    (tmp_path / "books").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    monkeypatch.setenv("FAKE_LAUNCHD", f"{tmp_path}/books")
    monkeypatch.setenv("HOME", str(tmp_path))
    job(tmp_path, SERVER)
    return tmp_path


def table(label: str = LABEL) -> ServerSpec:
    return ServerSpec(model="chat", url=URL, options={"label": label}, stop_timeout=5)


class TestContract(LauncherContract):
    launcher = LaunchdLauncher
    broken_spec = table("nobody")

    def spec(self) -> ServerSpec:
        return table()

    def living(self, server: Server) -> bool:
        return bool(server.pid) and alive(server.pid or 0)

    async def crash(self, server: Server) -> None:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)


def made(settings: JobSettings | None = None) -> tuple[LaunchdLauncher, list[str]]:
    said: list[str] = []
    server = Server(table(), http=ServerHttp(lambda: server.url), log=said.append)
    return LaunchdLauncher(server, settings), said


@pytest.mark.anyio
async def test_its_end_is_told_in_launchd_s_words_with_its_last_lines() -> None:
    launcher, said = made()
    await launcher.start()
    while "loading weights" not in "".join(said):
        with anyio.move_on_after(0.05):
            await launcher.wait()
    os.kill(launcher.server.pid or 0, signal.SIGKILL)
    assert await launcher.wait() == (
        f"job {LABEL} is not running (last terminating signal Killed: 9)"
    )
    await launcher.stop()


@pytest.mark.anyio
async def test_a_job_that_ends_at_once_fails_the_load(mac: Path) -> None:
    job(mac, "raise SystemExit(3)")
    launcher, _ = made()
    with anyio.fail_after(10), pytest.raises(LoadFailed):
        await launcher.start()
        raise LoadFailed(await launcher.wait())


@pytest.mark.anyio
async def test_a_label_that_launchd_still_holds_is_waited_for() -> None:
    launcher, _ = made()
    for _ in range(2):  # the second bootstrap comes while the first bootout settles
        await launcher.start()
        await launcher.stop()


@pytest.mark.anyio
async def test_one_that_ignores_sigterm_is_killed(mac: Path) -> None:
    job(mac, f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVER}")
    said: list[str] = []
    spec = ServerSpec(model="chat", url=URL, options={"label": LABEL}, stop_timeout=0.2)
    server = Server(spec, http=ServerHttp(lambda: URL), log=said.append)
    launcher = LaunchdLauncher(server)
    await launcher.start()
    pid = server.pid or 0
    while "loading" not in "".join(said):
        with anyio.move_on_after(0.05):
            await launcher.wait()
    await launcher.stop()
    assert not alive(pid)
