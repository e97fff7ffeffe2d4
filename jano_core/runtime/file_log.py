"""The log of a server that writes it into a file, not to Jano."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import anyio

PAUSE_S = 0.25
LARGEST_STEP = 2**20


class FileLog:
    """What is appended to a file, from the moment this object was made."""

    def __init__(self, path: Path, sink: Callable[[str], None]) -> None:
        self._path = path
        self._sink = sink
        self._read = self._size()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    async def pump(self) -> None:
        """Run until cancelled; called again it goes on where it was."""
        while True:
            self.catch_up()
            await anyio.sleep(PAUSE_S)

    def catch_up(self) -> None:
        """Pass on what is there now: after the end of who wrote it, that is all. What cannot be
        read is left: a server does not depend on its log.
        """
        if (size := self._size()) < self._read:
            self._read = 0  # cut or replaced
        if size > self._read:
            try:
                with self._path.open("rb") as file:
                    file.seek(self._read)
                    found = file.read(LARGEST_STEP)
            except OSError:
                return
            self._read += len(found)
            self._sink(self._decoder.decode(found))

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
