"""Memory for large bodies: what is kept for the next one, and what the system has back at once."""

from __future__ import annotations

import mmap as maps
import sys
from contextlib import suppress
from mmap import mmap

ROOM = 64 * 2**20
"""Bytes of memory for larger bodies, of all calls together."""
KEPT = 2**22
"""Memory up to this size comes from the C library, which keeps twice as much of what is free."""
PAGE = 2**21 if sys.platform == "linux" else 1
"""What is larger comes from the system, and in large pages, where there are any: ten MiB in small
ones take longer to get than to send, in large ones a tenth of that.
"""


class Room:
    """Memory that larger bodies share."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """Have so much of it, if there is as much."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give_back(self, size: int) -> None:
        """What was taken is free again."""
        self.left += size


def fresh(size: int) -> bytearray | mmap:
    """At least `size` zeros. Much takes memory only where something is written, and is the
    system's again when nobody refers to it any more.
    """
    if size <= KEPT:
        return bytearray(size)
    zeros = mmap(-1, size + -size % PAGE, flags=maps.MAP_PRIVATE)
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel that has no large pages
            zeros.madvise(maps.MADV_HUGEPAGE)
    return zeros


def keep_some() -> None:
    """Have glibc keep what bodies of some MiB, and pieces of bodies, need again and again, instead
    of getting it anew, page by page: it keeps twice the largest block that it has ever given back.
    One that nothing is written to costs nothing. Other C libraries do not mind.
    """
    bytes(KEPT)
