"""How much memory the box has for models."""

from __future__ import annotations

import os
import shutil
import subprocess

from msgspec import Struct

MIB = 2**20
PATIENCE_S = 5.0


class Memory(Struct, frozen=True, kw_only=True):
    """Bytes; `gpus` are those of each NVIDIA GPU, `unified` = the GPU shares the box's own."""

    ram: int
    gpus: tuple[int, ...] = ()
    unified: bool = False

    @property
    def for_models(self) -> int:
        """What a budget could be: nearly all of the GPUs', three quarters of what is shared."""
        return sum(self.gpus) * 95 // 100 if self.gpus else self.ram * 3 // 4


def memory(platform: str) -> Memory:
    """What this box has."""
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Memory(ram=ram, gpus=_nvidia(), unified=platform == "darwin")


def _nvidia() -> tuple[int, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(
            query, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        return tuple(int(line) * MIB for line in asked.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
