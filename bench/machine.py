"""Where figures were taken."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from jano_core.version import __version__

PACKAGES = ("granian", "uvloop", "httptools", "anyio", "msgspec")


def describe() -> str:
    """One paragraph: date, processor, system, versions."""
    models = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}; {os.cpu_count()} × {models[0] if models else '?'}; "
        f"Linux {platform.release()}; load average at the end {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, jano {__version__}, {packages}, {_nginx()}"
    )


def _nginx() -> str:
    try:
        found = subprocess.run(
            ["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True
        )
    except OSError:
        return "no nginx"
    return found.stderr.strip().replace("nginx version: ", "")
