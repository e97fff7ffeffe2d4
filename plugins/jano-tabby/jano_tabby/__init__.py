"""TabbyAPI for Jano: `backend = "tabby"`."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import Tabby

__all__ = ["Tabby", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[Tabby]]:
    """The one backend of this plugin."""
    return [Tabby]
