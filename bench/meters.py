"""What a process and its children take of the machine, read from /proc."""

from __future__ import annotations

from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def threads(pid: int) -> list[int]:
    """All of a process and its descendants; none of process 0."""
    return [int(task.name) for one in family(pid) for task in Path(f"/proc/{one}/task").glob("*")]


def cpu_s(pid: int) -> float:
    """Seconds on a processor so far, of the threads that live now."""
    total = 0
    for one in family(pid):
        for stat in Path(f"/proc/{one}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[0])
    return total / 1e9


def memory_mib(pid: int) -> float:
    """Its share of the memory (PSS): what it shares with others counts in part."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def wakeups(pid: int) -> int:
    """How often a thread of it has slept so far."""
    total = 0
    for one in family(pid):
        for status in Path(f"/proc/{one}/task").glob("*/status"):
            for line in status.read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    total += int(line.split()[1])
    return total
