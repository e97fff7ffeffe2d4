"""What the operating system says of a process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process lives; one that is dead and only not yet reaped does not."""
    try:
        if Path("/proc/self").exists():
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def commands() -> dict[int, str]:
    """The command line of each process; Linux tells without a program that may be missing."""
    if Path("/proc/self").exists():
        return dict(_commands())
    listed = subprocess.run(["ps", "-axo", "pid=,args="], capture_output=True, check=True)
    lines = (line.split(None, 1) for line in listed.stdout.decode().splitlines())
    return {int(pid): command for pid, command in lines}


def _commands() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        yield int(folder.name), b" ".join(words).decode(errors="replace")


def open_files(pid: int) -> int:
    """How many file descriptors the process has open; 0 where the system does not tell."""
    folder = Path(f"/proc/{pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def resident_bytes(pid: int) -> int:
    """Memory of the process in RAM; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Return once something that happens in another process has; fail with `what` otherwise."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
