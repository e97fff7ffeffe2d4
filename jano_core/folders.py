"""Where Jano keeps things: systemd's folder first, then the XDG one, then the usual default."""

from __future__ import annotations

import hashlib
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


def memory_folder(configuration: Path | None, env: Mapping[str, str] = os.environ) -> Path:
    """What a router remembers of its own past: history and measured times.

    In a state folder that several routers of one user share, each configuration has its own, since
    a model of the same name may be another one elsewhere. systemd's folder is one router's alone.
    None: the configuration comes from the environment, of the working directory.
    """
    state = state_folder(env)
    if env.get("STATE_DIRECTORY"):
        return state
    whose = str((configuration or Path()).absolute())
    return state / "memory" / hashlib.blake2b(os.fsencode(whose), digest_size=6).hexdigest()


def router_file(env: Mapping[str, str] = os.environ) -> Path:
    """The file by which commands find a running router."""
    if folder := env.get("XDG_RUNTIME_DIR"):
        return Path(folder) / "jano" / "jano.json"
    return state_folder(env) / "jano.json"
