"""What a killed Jano could not take along: written down while it runs, ended at the next start."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

from . import process_tree
from .process_tree import Identity

FOLDER = "processes"
PATIENCE_S = 3.0


class Record(msgspec.Struct, frozen=True):
    """One model server: of which model, started by which Jano, who it is."""

    model: str
    owner: Identity
    server: Identity


def write_down(state_folder: Path, model: str, pid: int) -> Path | None:
    """Remember that `pid` is a model's server; returns the record to `forget` when it is gone.

    None when the process has ended already. Raises `OSError` where nothing can be written.
    """
    server, owner = process_tree.identify(pid), process_tree.identify(os.getpid())
    if server is None or owner is None:
        return None
    folder = state_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{pid}.json"
    written = path.with_suffix(".new")
    try:
        written.write_bytes(msgspec.json.encode(Record(model, owner, server)))
        written.replace(path)
    except OSError:
        forget(written)
        raise
    return path


def forget(record: Path) -> None:
    """What it was about is gone. One that cannot be removed does no harm: nobody answers to it."""
    with contextlib.suppress(OSError):
        record.unlink()


def sweep(state_folder: Path) -> list[str]:
    """End the servers of a Jano that is gone; returns a line for each.

    Called once at start, before the first model is loaded; blocks for at most some seconds, and
    only if there is something to end. Processes of a Jano that lives are left alone, and so is
    every process whose number was given to somebody else since.
    """
    lines = []
    for path in sorted((state_folder / FOLDER).glob("*.json")):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            forget(path)
            continue
        if process_tree.identify(record.owner.pid) == record.owner:
            continue
        if ended := _end(record.server):
            pids = ", ".join(map(str, ended))
            lines.append(f"ended what was left of model {record.model!r}: process {pids}")
        forget(path)
    return lines


def _end(server: Identity) -> list[int]:
    ended = set()
    until = time.monotonic() + PATIENCE_S
    while (members := process_tree.kill_session(server)) and time.monotonic() < until:
        ended.update(members)
        time.sleep(0.01)
    return sorted(ended)
