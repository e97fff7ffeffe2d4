"""The head of a slot file, as far as Jano reads it: which tokens it is about.

Written by llama.cpp's `llama_state_seq_save_file` (src/llama-context.cpp): three 32-bit words
(magic, version, count) and so many token ids, then the state. Newer servers pack the ids (the
marker -1, a version, a count, the ids, media; `server_tokens::serialize` in
tools/server/server-common.cpp), older ones write them plainly.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from pathlib import Path

MAGIC = 0x67677371  # LLAMA_STATE_SEQ_MAGIC
PACKED = -1
LONGEST = 16 * 2**20
"""More ids than any context has: the file is damaged."""


def tokens_of(path: Path) -> array[int] | None:
    """The token ids in the slot file at `path`; None if it is none, or cut short."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if len(head) < 12:
                return None
            magic, _, count = struct.unpack("=III", head)
            if magic != MAGIC or not 0 < count <= LONGEST:
                return None
            words = array("i", file.read(4 * count))
    except (OSError, ValueError):
        return None
    if len(words) != count:
        return None
    if words[0] == PACKED and count > 3:
        return words[3 : 3 + words[2]]
    return words


def fingerprint(tokens: array[int]) -> str:
    """A short name for a conversation up to here."""
    return hashlib.blake2b(tokens.tobytes(), digest_size=8).hexdigest()


def begins(tokens: array[int], with_: array[int]) -> bool:
    """Is `with_` a prefix of `tokens`?"""
    return len(with_) <= len(tokens) and tokens[: len(with_)] == with_
