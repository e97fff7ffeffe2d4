"""What an engine's command line says of the model, so that nobody has to say it twice."""

from __future__ import annotations

from collections.abc import Sequence


def option(cmd: Sequence[str], *names: str) -> str:
    """The value of the first of these options that is there, `--x y` or `--x=y`; else empty."""
    for name in names:
        for place, word in enumerate(cmd):
            if word == name and place + 1 < len(cmd):
                return cmd[place + 1]
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
    return ""


def has(cmd: Sequence[str], name: str) -> bool:
    """Whether a flag is given."""
    return name in cmd
