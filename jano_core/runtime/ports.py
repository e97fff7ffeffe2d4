"""Ports: which are free, and whose process listens on one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import listeners, process_tree

LOOPBACK = "127.0.0.1"
FORWARDERS = {"docker-proxy", "rootlessport", "rootlesskit", "pasta", "pasta.avx2", "slirp4netns",
              "conmon", "gvproxy"}  # fmt: skip
"""Programs by which a container engine listens for a container; never below its command."""


def free_port() -> int:
    """A port of this box that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Who takes connections to `port` on this box, None if nobody does."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        if probe.connect_ex((LOOPBACK, port)) != 0:
            return None
    pids = sorted(listening_pids(port))
    return _describe(pids[0]) if pids else "a process that cannot be seen from here"


def stranger(port: int, tree: set[int]) -> str | None:
    """A process outside `tree` that listens on `port` of this box, as text for people.

    None if there is none, or where the system does not tell: no /proc, another user's process, a
    container engine's forwarder.
    """
    if held(port, tree):
        return None
    for pid in sorted(listening_pids(port) - tree):
        if process_tree.command(pid) not in FORWARDERS:
            return _describe(pid)
    return None


def held(port: int, pids: Iterable[int]) -> bool:
    """Have these processes every socket that takes connections to `port` of this box? So it seems
    where the system does not tell. A few files are read; to find somebody else takes thousands.
    """
    wanted = _sockets(port)
    for pid in pids:
        if not wanted:
            break
        wanted.difference_update(_open_files(process_tree.PROC / str(pid)))
    return not wanted


def _describe(pid: int) -> str:
    return f"process {pid} ({process_tree.command(pid) or 'unknown'})"


def listening_pids(port: int) -> set[int]:
    """Processes that take connections to `port` of this box, as far as the system tells."""
    wanted = _sockets(port)
    if not wanted:
        return set()
    return {
        int(entry.name)
        for entry in process_tree.PROC.iterdir()
        if entry.name.isdigit() and not wanted.isdisjoint(_open_files(entry))
    }


def _sockets(port: int) -> set[str]:
    return {f"socket:[{inode}]" for inode in listeners.inodes(port)}


def _open_files(process: Path) -> Iterator[str]:
    try:
        files = list((process / "fd").iterdir())
    except OSError:
        return
    for file in files:
        try:
            yield os.readlink(file)  # noqa: PTH115 (Path.readlink costs twice as much here)
        except OSError:
            continue
