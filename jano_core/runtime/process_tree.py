"""Processes as the system lists them: who is who, who descends from whom, who is still there.

Linux tells through /proc, other systems through `ps`. Everything here is a snapshot.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

LINUX = sys.platform == "linux"
PROC = Path("/proc")


class Identity(Struct, frozen=True):
    """One process for good: numbers are reused, a number with its boot and start time is not."""

    pid: int
    boot: str
    started: str


class Row(NamedTuple):
    """One line of the process table."""

    pid: int
    parent: int
    group: int
    session: int
    started: str
    dead: bool


def identify(pid: int) -> Identity | None:
    """The identity of a running process, None where there is none (or only a zombie)."""
    row = _row(pid) if LINUX else next((row for row in _table() if row.pid == pid), None)
    return None if row is None or row.dead else Identity(pid, boot(), row.started)


def command(pid: int) -> str:
    """The command of a process without its arguments (which may hold secrets)."""
    if not LINUX:
        return _ps("-o", "comm=", "-p", str(pid)).strip()
    try:
        return (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def descendants(pid: int) -> set[int]:
    """`pid` and every process below it."""
    children: dict[int, list[int]] = {}
    for row in _table():
        children.setdefault(row.parent, []).append(row.pid)
    found, new = {pid}, [pid]
    while new:
        new = [child for parent in new for child in children.get(parent, ()) if child not in found]
        found.update(new)
    return found


def kill_session(leader: Identity) -> list[int]:
    """Send SIGKILL to all that live in the session (elsewhere than Linux: the group) that
    `leader` founded; returns whom. Call it until the answer is empty.

    The leader may be gone. Its number is not given away while anyone is left in its session, so
    members without a leader are its own; a leader with another start time is a stranger.
    """
    now = identify(leader.pid)
    if leader.boot != boot() or (now is not None and now != leader):
        return []
    members = [
        row.pid
        for row in _table()
        if leader.pid in (row.session, row.group) and not row.dead and row.pid != os.getpid()
    ]
    for pid in members:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    return members


@cache
def boot() -> str:
    """Names the present run of the system: start times repeat after a reboot."""
    if LINUX:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    answer = subprocess.run(["sysctl", "-n", "kern.boottime"], capture_output=True, check=False)
    return answer.stdout.decode(errors="replace").strip()


def _table() -> Iterator[Row]:
    if LINUX:
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (row := _row(int(entry.name))):
                yield row
        return
    for line in _ps("-axo", "pid=,ppid=,pgid=,stat=,lstart=").splitlines():
        pid, parent, group, state, started = line.split(None, 4)
        yield Row(int(pid), int(parent), int(group), 0, started.strip(), state.startswith("Z"))


def _row(pid: int) -> Row | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    state, parent, group, session, started = (*fields[:4], fields[19])
    return Row(pid, int(parent), int(group), int(session), started, state in "ZX")


def _ps(*arguments: str) -> str:
    answer = subprocess.run(["ps", *arguments], capture_output=True, check=False)
    return answer.stdout.decode(errors="replace")
