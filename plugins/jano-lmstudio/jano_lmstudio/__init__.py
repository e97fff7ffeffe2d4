"""LM Studio for Jano: `backend = "lmstudio"`."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import LMStudio

__all__ = ["LMStudio", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[LMStudio]]:
    """The one backend of this plugin."""
    return [LMStudio]
