"""Small JSON files that say where a router answers: `jano.json` and `--ready-file`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write `facts` so that a reader finds the whole file or none; makes the folder.

    Raises `OSError`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(facts) + "\n")
    draft.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """The facts, or None where there are none or the process that wrote them is gone."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
        pid = facts["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return facts  # Alive, but another user's.
    except (OSError, TypeError, OverflowError):
        return None
    return facts


def withdraw(path: Path) -> None:
    """Remove the file if it is still this process's own; a later router may have replaced it."""
    facts = read(path)
    if facts is not None and facts["pid"] == os.getpid():
        path.unlink(missing_ok=True)
