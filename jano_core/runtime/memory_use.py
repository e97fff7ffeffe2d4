"""Who has how much memory: of processes in RAM and on NVIDIA cards, and what is free.

RAM is told by /proc, cards by `nvidia-smi` where there is one. Elsewhere nothing is known, and
nothing is made up. Everything here is a snapshot, and blocks for milliseconds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from .process_tree import LINUX, PROC, command, descendants

MIB = 2**20
DRM = Path("/sys/class/drm")
OTHER_CARDS = "card*/device/mem_info_vram_total"
"""What the driver of AMD's cards has."""
SMI_TIMEOUT_S = 5.0
MOST_HOLDERS = 3


class Memory(Struct, frozen=True):
    """Bytes in one kind of memory: `kind` is `RAM` or `GPU`, empty where nobody said which."""

    kind: str
    size: int


class Holder(Struct, frozen=True):
    """A process that has `size` bytes."""

    pid: int
    size: int

    def __str__(self) -> str:
        return f"{command(self.pid) or 'a process'} (pid {self.pid}) {self.size / 2**30:.1f} GiB"


def of_tree(pid: int) -> Memory | None:
    """What a process and all below it take: on cards if they use one, else in RAM.

    None where nobody tells, and where there are cards of another make: what a process has on those
    is not seen, and its RAM alone would be far too little.
    """
    family = descendants(pid)
    if on_cards := sum(each.size for each in card_holders() if each.pid in family):
        return Memory("GPU", on_cards)
    if any(DRM.glob(OTHER_CARDS)):
        return None
    in_ram = sum(_resident(each) for each in family)
    return Memory("RAM", in_ram) if in_ram else None


def free(kind: str) -> int | None:
    """Bytes that could be had now; None where nobody tells."""
    if kind == "GPU":
        rows = _smi("--query-gpu=memory.free")
        return sum(row[0] for row in rows) * MIB if rows else None
    available = _meminfo().get("MemAvailable")
    return None if available is None else available


def spare() -> int | None:
    """Bytes of RAM that may be filled without taking anything from anybody: what is available, less
    the files that running programs have mapped, for a model's weights may be among them.
    """
    known = _meminfo()
    available, mapped = known.get("MemAvailable"), known.get("Mapped")
    return None if available is None or mapped is None else max(0, available - mapped)


def holders(kind: str) -> list[Holder]:
    """Those that have most of it, the largest first."""
    known = card_holders() if kind == "GPU" else _ram_holders()
    return sorted(known, key=lambda holder: -holder.size)[:MOST_HOLDERS]


def card_holders() -> list[Holder]:
    """Processes on NVIDIA cards."""
    rows = _smi("--query-compute-apps=pid,used_gpu_memory")
    return [Holder(row[0], row[1] * MIB) for row in rows if len(row) == 2]


def _ram_holders() -> Iterable[Holder]:
    if not LINUX:
        return
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (size := _resident(int(entry.name))):
            yield Holder(int(entry.name), size)


def _resident(pid: int) -> int:
    return _fields(f"{pid}/status").get("VmRSS", 0)


def _meminfo() -> Mapping[str, int]:
    return _fields("meminfo")


def _fields(name: str) -> dict[str, int]:
    """Lines `Name:  123 kB` in bytes; empty where there is no such file."""
    try:
        lines = (PROC / name).read_text(errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        key, _, value = line.partition(":")
        number, _, unit = value.strip().partition(" ")
        if unit == "kB" and number.isdecimal():
            found[key] = int(number) * 1024
    return found


def _smi(query: str) -> list[tuple[int, ...]]:
    """Rows of numbers; those with a `[N/A]` are left out."""
    from shutil import which  # brings along every kind of archive

    if not (program := which("nvidia-smi")):
        return []
    try:
        answer = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            check=True,
            timeout=SMI_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.split(",") for line in answer.stdout.decode(errors="replace").splitlines())
    return [
        tuple(int(cell) for cell in row)
        for row in rows
        if all(cell.strip().isdecimal() for cell in row)
    ]
