"""For plugins that launch model servers by other programs: asking them, listening to them, and
whose a port is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .errors import JanoError
from .runtime.command import Command, LineReader
from .runtime.file_log import FileLog
from .runtime.ports import free_port, holder, stranger

__all__ = ["Answer", "FileLog", "LineReader", "ask", "follow", "free_port", "holder", "stranger"]


class Answer(NamedTuple):
    """What a program left: its exit status, and both its outputs as one text."""

    status: int
    text: str


async def ask(*command: str, env: Mapping[str, str] | None = None) -> Answer:
    """Run a program to its end, in Jano's own environment with `env` on top.

    Bound it with a cancel scope; cancelled, it is ended. Raises `JanoError` if it cannot be run.
    """
    said: list[str] = []
    status = await follow(*command, output=said.append, env=env)
    return Answer(status, "".join(said))


async def follow(
    *command: str, output: Callable[[str], None], env: Mapping[str, str] | None = None
) -> int:
    """As `ask`, but what it says goes to `output` at once; returns the exit status."""
    from shutil import which  # brings along every kind of archive

    whole = {**os.environ, "LC_ALL": "C", **(env or {})}
    program = which(command[0]) or command[0]  # by Jano's own PATH, whatever `env` says of it
    try:
        running = await Command.start((program, *command[1:]), env=whole, output=output)
    except OSError as error:
        raise JanoError(f"cannot run {command[0]}: {error.strerror}") from error
    return await running.run()
