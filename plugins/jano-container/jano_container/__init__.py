"""Model servers in containers: `launch = "container"`."""

from __future__ import annotations

from jano_core import hookimpl

from .launcher import ContainerLauncher

__all__ = ["ContainerLauncher", "jano_launchers"]


@hookimpl
def jano_launchers() -> list[type[ContainerLauncher]]:
    """The one launcher of this plugin."""
    return [ContainerLauncher]
