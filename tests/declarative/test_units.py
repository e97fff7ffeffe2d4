"""The shipped files as systemd's own tools and a Mac's rules see them; none of them is started."""

from __future__ import annotations

import json
import os
import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.components import require_command
from tests.law.sources import ROOT, name

SYSTEM = sorted((ROOT / "systemd" / "system").iterdir())
USER = sorted((ROOT / "systemd" / "user").iterdir())
PLISTS = sorted([*(ROOT / "launchd").glob("*.plist"), *(ROOT / "examples").rglob("*.plist")])

EXPOSURE = {"system/jano.service": 30, "user/jano.service": 50}
EXPOSURE |= {"system/jano-model@.service": 50, "user/jano-model@.service": 50}
"""Unit → the highest score that is allowed, in tenths (100 is a service without any protection)."""

FAILING_UNDER_A_USER_MANAGER = {
    "CapabilityBoundingSet",
    "PrivateDevices",
    "ProtectClock",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "PrivateUsers",
}
"""With systemd 252 a user's unit that has one of these does not start."""

PLIST_KEYS: dict[str, Any] = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": (bool, dict),
    "ExitTimeOut": int,
    "ProcessType": str,
    "EnvironmentVariables": dict,
    "SoftResourceLimits": dict,
    "StandardOutPath": str,
    "StandardErrorPath": str,
    "WorkingDirectory": str,
}
"""The keys of launchd.plist(5) that are used here, with their types."""


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = require_command("systemd-analyze", "install systemd")
    env = os.environ | {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    return subprocess.run(
        [command, *words], env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.wire
@pytest.mark.parametrize("units", [SYSTEM, USER], ids=["system", "user"])
def test_verify_prints_nothing_at_all(units: list[Path], tmp_path: Path) -> None:
    scope = "--user" if units is USER else "--system"
    done = analyze(tmp_path, scope, "verify", "--man=no", *map(str, units))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.wire
@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure_is_low(unit: str, tmp_path: Path) -> None:
    words = ["security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE[unit]}"]
    done = analyze(tmp_path, *words, str(ROOT / "systemd" / unit))
    assert done.returncode == 0, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("unit", USER, ids=name)
def test_a_user_s_unit_has_nothing_that_keeps_it_from_starting(unit: Path) -> None:
    keys = {line.partition("=")[0] for line in unit.read_text().splitlines()}
    assert keys.isdisjoint(FAILING_UNDER_A_USER_MANAGER)


@pytest.mark.parametrize("plist", PLISTS, ids=name)
def test_a_plist_has_known_keys_of_the_right_type(plist: Path) -> None:
    job = plistlib.loads(plist.read_bytes())
    assert {"Label", "ProgramArguments"} <= job.keys()
    for key, value in job.items():
        assert isinstance(value, PLIST_KEYS[key]), key
    words = [*job["ProgramArguments"], *job.get("EnvironmentVariables", {}).values()]
    assert all(isinstance(word, str) for word in words)
    assert not any(word.startswith("~") for word in words), "launchd expands nothing"
    assert job.get("ProcessType", "Standard") in ("Standard", "Background", "Interactive")
    assert json.dumps(job), "no dates, no bytes"
    assert plist.name == "model.plist" or plist.stem == job["Label"]


def test_both_socket_units_hold_the_default_address() -> None:
    for scope in ("system", "user"):
        text = (ROOT / "systemd" / scope / "jano.socket").read_text()
        assert "ListenStream=127.0.0.1:8082\n" in text
