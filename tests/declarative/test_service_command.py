"""`jano service`: golden files for both managers; nothing is overwritten unseen or done twice."""

from __future__ import annotations

import json
import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest

from jano_core import service
from tests.declarative.user_manager import UserManager

GOLDEN = Path(__file__).parent / "golden"
JANO = Path("/opt/jano 100%/bin/jano")


def jano(home: Path, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "jano_core", "service", *words]
    return subprocess.run(
        command, env=env, input=answer, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("manager", ["systemd", "launchd"])
def test_what_is_written(manager: service.ServiceManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    for name, text in service.files(manager, JANO).items():
        assert text == (GOLDEN / name).read_text(), f"tests/declarative/golden/{name}"


def test_install_is_idempotent_and_shows_the_difference(tmp_path: Path) -> None:
    unit = tmp_path / ".config" / "systemd" / "user" / "jano.service"
    assert f"{unit}: written" in jano(tmp_path, "install", "--manager", "systemd").stdout
    installed = unit.read_text()
    assert f"{unit}: unchanged" in jano(tmp_path, "install", "--manager", "systemd").stdout
    unit.write_text(installed.replace("WatchdogSec=30", "WatchdogSec=300"))
    refused = jano(tmp_path, "install", "--manager", "systemd", answer="n\n")
    assert refused.returncode == 1
    assert "-WatchdogSec=300\n+WatchdogSec=30\n" in refused.stdout
    assert "WatchdogSec=300" in unit.read_text(), "a no is a no"
    assert jano(tmp_path, "install", "--manager", "systemd", "--yes").returncode == 0
    assert unit.read_text() == installed


def test_a_plist_is_installed_and_removed(tmp_path: Path) -> None:
    plist = tmp_path / "Library" / "LaunchAgents" / "io.github.jano.plist"
    assert "launchctl bootstrap" in jano(tmp_path, "install", "--manager", "launchd").stdout
    job = plistlib.loads(plist.read_bytes())
    assert job["ProgramArguments"] == [str(Path(sys.executable).with_name("jano")), "serve"]
    for said in (f"{plist}: removed", "nothing is installed"):
        assert said in jano(tmp_path, "uninstall", "--manager", "launchd").stdout
    assert not plist.exists()


def test_print_writes_nothing_and_is_json_for_programs(tmp_path: Path) -> None:
    said = jano(tmp_path, "print", "--manager", "systemd").stdout
    assert said.startswith(f"# {tmp_path}/.config/systemd/user/jano.socket\n")
    found = json.loads(jano(tmp_path, "print", "--manager", "systemd", "--json").stdout)
    assert [Path(path).name for path in found] == ["jano.socket", "jano.service"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.wire
def test_what_is_installed_runs(units: UserManager) -> None:
    command = [sys.executable, "-m", "jano_core", "service"]
    units.run(*command, "install", "--yes")
    exec_start = units.show("jano.service", "ExecStart")
    assert f"path={Path(sys.executable).with_name('jano')} ;" in exec_start
    units.systemctl("start", "jano.socket", "jano.service")
    units.run(*command, "uninstall")
    assert units.show("jano.service", "ActiveState") == "inactive"
    assert "nothing is installed" in units.run(*command, "uninstall")
