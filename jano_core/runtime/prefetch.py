"""Reading a model's files into the page cache while the model waits for another to make room.

Only where it is asked for (`swap.prefetch`), where the backend names files, and while they fit in
memory that nobody uses; so that a server which then loads them need not wait for the disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from ..errors import in_words
from ..plugin.capabilities import ReadsFiles
from ..scheduler.commands import Note
from . import memory_use
from .supervisor import Supervisor

if TYPE_CHECKING:
    from .dispatcher import Dispatcher

log = logging.getLogger("jano.prefetch")

PIECE = 64 * 2**20
"""So much is read before it is asked again whether to go on."""
BUFFER = 2**20
WAITS = ("awaited", "swap_started")
OVER = ("forgone", "swap_cancelled", "swap_failed")


class Prefetch:
    """Follows what the scheduler notes of swaps; reads in a thread, one piece after the other.

    `spare` says how many bytes of memory are unused, None where the system does not tell.
    """

    def __init__(
        self, dispatcher: Dispatcher, spare: Callable[[], int | None] = memory_use.spare
    ) -> None:
        self._dispatcher = dispatcher
        self._spare = spare
        self._reading: dict[str, anyio.CancelScope] = {}
        self.tasks: TaskGroup | None = None

    def note(self, note: Note) -> None:
        """A model waits for its place, is being started, or does not come after all."""
        if note.kind in WAITS:
            self._begin(note.model)
        elif note.kind in OVER or (note.kind == "state" and note.state == "starting"):
            self._end(note.model)

    def _begin(self, model: str) -> None:
        crew = self._dispatcher.crew
        if self.tasks and crew.kit(model).prefetch and model not in self._reading:
            scope = self._reading[model] = anyio.CancelScope()
            self.tasks.start_soon(self._read, model, scope)

    def _end(self, model: str) -> None:
        if scope := self._reading.pop(model, None):
            scope.cancel()

    async def _read(self, model: str, scope: anyio.CancelScope) -> None:
        with scope:
            files = _files(self._dispatcher.crew[model])
            for path, start in await to_thread.run_sync(self._pieces, files):
                if not await to_thread.run_sync(_read_piece, path, start):
                    break

    def _pieces(self, files: Sequence[Path]) -> list[tuple[Path, int]]:
        """All of them, or none where they do not fit in what is unused."""
        try:
            sizes = [(path, path.stat().st_size) for path in files]
        except OSError:
            return []
        spare = self._spare()
        if spare is None or sum(size for _, size in sizes) > spare:
            return []
        return [(path, start) for path, size in sizes for start in range(0, size, PIECE)]


def _files(supervisor: Supervisor) -> Sequence[Path]:
    """What its next server will read when it loads its model, as far as is known."""
    if supervisor.asleep:
        return ()
    try:
        backend = supervisor.make().backend
        return backend.files() if isinstance(backend, ReadsFiles) else ()
    except Exception as error:  # a load that is about to come will say so, too
        log.warning("cannot tell which files a model is read from: %s", in_words(error))
        return ()


def _read_piece(path: Path, start: int) -> bool:
    """Whether it could be read."""
    buffer = bytearray(BUFFER)
    try:
        with path.open("rb", buffering=0) as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), start, PIECE, os.POSIX_FADV_WILLNEED)
            file.seek(start)
            for _ in range(PIECE // BUFFER):
                if not file.readinto(buffer):
                    break
    except OSError:
        return False
    return True
