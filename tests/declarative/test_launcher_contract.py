"""The contract of launchers, kept by `launch = "systemd"` under a real `systemd --user`: with a
unit that Jano makes, one that it keeps, and one that exists.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import ClassVar

import pytest

from jano_core import Launcher, Server, ServerSpec
from jano_core.runtime.readiness import ServerHttp
from jano_core.testing.launcher_contract import LauncherContract
from jano_systemd import SystemdLauncher
from jano_systemd.launcher import UnitSettings
from tests.declarative.user_manager import UserManager

pytestmark = pytest.mark.wire

UNIT = "[Service]\nExecStart=/bin/sleep 60\nTimeoutStopSec=5\n"


class UnderSystemd(LauncherContract):
    """What is asked is asked of the user's manager, by programs on PATH that enter its place."""

    launcher = SystemdLauncher
    unit: ClassVar[str]
    settings = UnitSettings()

    @pytest.fixture(autouse=True)
    def place(
        self, units: UserManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> UserManager:
        for program in ("systemctl", "systemd-run", "journalctl"):
            units.lend(program, tmp_path / "bin")
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
        units.write(".config/systemd/user/contract.service", UNIT)
        units.systemctl("daemon-reload")
        self.units = units
        return units

    def make(self, spec: ServerSpec, folder: Path) -> Launcher:
        server = Server(spec, http=ServerHttp(lambda: server.url), log=lambda text: None)
        return SystemdLauncher(server, self.settings)

    def living(self, server: Server) -> bool:
        unit = server.spec.options.get("unit", self.unit)
        return self.units.show(str(unit), "ActiveState") not in ("inactive", "failed")

    async def crash(self, server: Server) -> None:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)


class TestTransientUnit(UnderSystemd):
    unit = "jano-chat.service"
    broken_spec = ServerSpec(model="chat", cmd=("/no/such/program",), stop_timeout=5)

    def spec(self) -> ServerSpec:
        return ServerSpec(model="chat", cmd=("sleep", "60"), stop_timeout=5)


class TestKeptUnit(TestTransientUnit):
    settings = UnitSettings(keep=True)


class TestExistingUnit(UnderSystemd):
    unit = "contract.service"
    broken_spec = ServerSpec(
        model="chat", url="http://127.0.0.1:9", options={"unit": "nobody.service"}, stop_timeout=5
    )

    def spec(self) -> ServerSpec:
        options = {"unit": self.unit}
        return ServerSpec(model="chat", url="http://127.0.0.1:9", options=options, stop_timeout=5)
