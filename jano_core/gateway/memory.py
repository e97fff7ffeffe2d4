"""Memory for large bodies, of the system itself: whoever is done with it has given it back."""

from __future__ import annotations

import mmap as maps
import sys
from contextlib import suppress
from mmap import mmap

ROOM = 64 * 2**20
"""Bytes of memory for larger bodies, of all calls together."""
PAGE = 2**21 if sys.platform == "linux" else 1
"""Ten MiB in small pages take longer to get than to send; in large ones they take a tenth of that.
The C library, asked for so much, would keep it, or give it back and take small pages again.
"""
PIECES = 2**22
"""Half of what bodies in pieces may take before the C library gives it back."""


class Room:
    """Memory that larger bodies share."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """Have memory for `size` bytes, if there is as much."""
        taken = whole_pages(size)
        if taken > self.left:
            return False
        self.left -= taken
        return True

    def give_back(self, size: int) -> None:
        """What was taken for `size` bytes is free again."""
        self.left += whole_pages(size)


def fresh(size: int) -> mmap:
    """At least `size` zeros, which take memory only where something is written. Gone with the last
    who refers to them.
    """
    zeros = mmap(-1, whole_pages(size), flags=maps.MAP_PRIVATE)
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel that has no large pages
            zeros.madvise(maps.MADV_HUGEPAGE)
    return zeros


def keep_pieces() -> None:
    """Have glibc keep some MiB of what is freed, so that the next pieces of bodies need not be got
    anew, page by page: it keeps twice the largest block that it has ever given back. One that
    nothing is written to costs nothing. Other C libraries do not mind.
    """
    bytes(PIECES)


def whole_pages(size: int) -> int:
    """The memory that `size` bytes take."""
    return size + -size % PAGE
