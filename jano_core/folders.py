"""Where Jano keeps things: systemd's folder first, then the XDG one, then the usual default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """What must outlive a restart: measured times, process identities. Not made here."""
    if folder := env.get("STATE_DIRECTORY"):
        # systemd allows several, separated by colons; the first is ours.
        return Path(folder.split(":")[0])
    if folder := env.get("XDG_STATE_HOME"):
        return Path(folder) / "jano"
    return Path.home() / ".local" / "state" / "jano"


def router_file(env: Mapping[str, str] = os.environ) -> Path:
    """The file by which commands find a running router."""
    if folder := env.get("XDG_RUNTIME_DIR"):
        return Path(folder) / "jano" / "jano.json"
    return state_folder(env) / "jano.json"
