"""Model servers as launchd jobs: `launch = "launchd"`."""

from __future__ import annotations

from jano_core import hookimpl

from .launcher import LaunchdLauncher

__all__ = ["LaunchdLauncher", "jano_launchers"]


@hookimpl
def jano_launchers() -> list[type[LaunchdLauncher]]:
    """The one launcher of this plugin."""
    return [LaunchdLauncher]
