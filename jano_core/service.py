"""Jano as a service of this user: the shipped files with the paths of this installation."""

from __future__ import annotations

import os
import plistlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

ServiceManager = Literal["systemd", "launchd"]

SHIPPED = Path(__file__).parent / "service_files"
UNITS = ("jano.socket", "jano.service")
LABEL = "io.github.jano"


def native() -> ServiceManager:
    """The manager of this system."""
    return "launchd" if sys.platform == "darwin" else "systemd"


def folder(manager: ServiceManager, env: Mapping[str, str] = os.environ) -> Path:
    """Where the manager looks for files of this user."""
    if manager == "launchd":
        return Path.home() / "Library" / "LaunchAgents"
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def files(manager: ServiceManager, jano: Path) -> dict[str, str]:
    """Name → text of every file. `jano` is the command of this installation."""
    if manager == "launchd":
        return {f"{LABEL}.plist": _plist(jano)}
    return {name: _unit((SHIPPED / name).read_text(), jano) for name in UNITS}


def _unit(shipped: str, jano: Path) -> str:
    # A percent sign begins a specifier, also inside of quotation marks.
    command, bin_folder = (str(path).replace("%", "%%") for path in (jano, jano.parent))
    lines = []
    for line in shipped.splitlines():
        if line.startswith("ExecStart="):
            line = f'ExecStart="{command}" serve'
        elif line.startswith("Environment=PATH="):
            line = f'Environment="PATH={bin_folder}:{line.removeprefix("Environment=PATH=")}"'
        elif line.startswith(("# env looks along", "# `jano service install`")):
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _plist(jano: Path) -> str:
    job = plistlib.loads((SHIPPED / f"{LABEL}.plist").read_bytes())
    log = str(Path.home() / "Library" / "Logs" / "jano.log")
    job["ProgramArguments"] = [str(jano), "serve"]
    job["StandardOutPath"] = job["StandardErrorPath"] = log
    variables = job["EnvironmentVariables"]
    variables["PATH"] = f"{jano.parent}:{variables['PATH']}"
    return plistlib.dumps(job, sort_keys=False).decode()
