"""Model servers as systemd units: `launch = "systemd"`."""

from __future__ import annotations

from jano_core import hookimpl

from .launcher import SystemdLauncher

__all__ = ["SystemdLauncher", "jano_launchers"]


@hookimpl
def jano_launchers() -> list[type[SystemdLauncher]]:
    """The one launcher of this plugin."""
    return [SystemdLauncher]
