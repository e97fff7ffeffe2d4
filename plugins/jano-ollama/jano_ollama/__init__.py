"""Ollama for Jano: a backend for its server, and its API for clients that speak nothing else."""

from __future__ import annotations

from jano_core import hookimpl

from .backend import Ollama
from .dialect import OllamaDialect

__all__ = ["Ollama", "OllamaDialect", "jano_backends", "jano_dialects"]


@hookimpl
def jano_backends() -> list[type[Ollama]]:
    """The one backend of this plugin."""
    return [Ollama]


@hookimpl
def jano_dialects() -> list[type[OllamaDialect]]:
    """The one dialect of this plugin."""
    return [OllamaDialect]
