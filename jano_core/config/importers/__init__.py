"""Readers of other programs' configurations: `jano import`, and `--config` with such a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import juggler, llama_swap, original
from .report import Imported, fail

READERS: dict[str, Callable[[str, Path], Imported]] = {
    "llama-swap": llama_swap.convert,
    "juggler": juggler.convert,
    "original": original.convert,
}
"""The programs whose configuration can be read, by the word of `jano import`."""

ENDINGS = {".yaml": "llama-swap", ".yml": "llama-swap", ".json": "juggler"}
"""Whose configuration a file is that `--config` names, by its ending."""


def convert(program: str, text: str, path: Path) -> Imported:
    """The configuration of `program` in `text`, which was read from `path`.

    Raises `ConfigError`.
    """
    try:
        return READERS[program](text, path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # These formats have no schema here: a value of a wrong type shows where it is used.
        raise fail(f"is not as {program} would have it: {type(error).__name__}: {error}", path)
