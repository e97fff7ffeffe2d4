"""Readers of other programs' configurations: `jano import`, and `--config` with such a file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from .report import Imported, fail

READERS = {"llama-swap": "llama_swap", "juggler": "juggler", "original": "original"}
"""The programs whose configuration can be read, by the word of `jano import`, and the module that
reads it: imported when it is wanted, since most routers have a configuration of their own.
"""

ENDINGS = {".yaml": "llama-swap", ".yml": "llama-swap", ".json": "juggler"}
"""Whose configuration a file is that `--config` names, by its ending."""


def convert(program: str, text: str, path: Path) -> Imported:
    """The configuration of `program` in `text`, which was read from `path`.

    Raises `ConfigError`.
    """
    try:
        found: Imported = import_module(f".{READERS[program]}", __name__).convert(text, path)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        # These formats have no schema here: a value of a wrong type shows where it is used.
        raise fail(f"is not as {program} would have it: {type(error).__name__}: {error}", path)
    return found


def from_environment(
    env: Mapping[str, str], cwd: Path
) -> tuple[Imported, Mapping[str, str]] | None:
    """What the original Jano's variables say, see `original.from_environment`."""
    from . import original

    return original.from_environment(env, cwd)
