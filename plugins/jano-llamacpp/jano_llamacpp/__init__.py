"""llama.cpp's llama-server as a backend of Jano: `backend = "llamacpp"`."""

from __future__ import annotations

from jano_core import hookimpl
from jano_core.telemetry.usage.llamacpp import LlamaCppUsage

from .backend import LlamaCpp

__all__ = ["LlamaCpp", "jano_backends", "jano_usage_normalizers"]


@hookimpl
def jano_backends() -> list[type[LlamaCpp]]:
    """The one backend of this plugin."""
    return [LlamaCpp]


@hookimpl
def jano_usage_normalizers() -> list[type[LlamaCppUsage]]:
    """The reader of `timings`, which core keeps for every server built on llama.cpp."""
    return [LlamaCppUsage]
