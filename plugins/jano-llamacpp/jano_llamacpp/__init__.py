"""llama.cpp's llama-server as a backend of Jano: `backend = "llamacpp"`."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import LlamaCpp

__all__ = ["LlamaCpp", "jano_backends"]


@hookimpl
def jano_backends() -> list[type[LlamaCpp]]:
    """The one backend of this plugin."""
    return [LlamaCpp]
