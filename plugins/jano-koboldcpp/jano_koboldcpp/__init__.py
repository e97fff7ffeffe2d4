"""koboldcpp for Jano: `backend = "koboldcpp"`."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import KoboldCpp

__all__ = ["KoboldCpp", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[KoboldCpp]]:
    """The one backend of this plugin."""
    return [KoboldCpp]
