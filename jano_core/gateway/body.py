"""A request's body: read whole before it is routed, on disk once it is big."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from mmap import ACCESS_READ, mmap

import anyio
from anyio.lowlevel import checkpoint

from ..errors import Refused
from ..units import show_size
from .call import Call, ClientGone
from .filters import Edit, edited
from .members import Buffer

IN_MEMORY = 2**20
"""Larger bodies need room; without any they go to a temporary file, which is gone when the exchange
ends.
"""
ROOM = 64 * 2**20
"""Bytes of memory for larger bodies, of all calls together."""
PIECE = 2**18
"""Bytes of a big body that are handed to the model server at a time."""


DISCARD_S = 2.0
"""How long the rest of a refused body is read."""


class Room:
    """Memory that larger bodies share."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    def take(self, size: int) -> int:
        """So much of it, or nothing."""
        taken = size if size <= self.left else 0
        self.left -= taken
        return taken

    def give_back(self, size: int) -> None:
        """What was taken is free again."""
        self.left += size


class Body:
    """The bytes as they came, and the changes to them that the model server is to see."""

    _changes: Sequence[Edit] = ()

    def __init__(self, buffer: Buffer, room: Room | None = None, taken: int = 0) -> None:
        self.buffer = buffer
        self._room = room
        self._taken = taken

    def __len__(self) -> int:
        """The length as it came."""
        return len(self.buffer)

    def change(self, changes: list[Edit]) -> None:
        """Have these edits in `outgoing`, instead of any earlier ones."""
        self._changes = changes

    def outgoing(self) -> tuple[int, bytes | AsyncPieces]:
        """Length and content to send; the content can be sent more than once."""
        if not self._changes and isinstance(self.buffer, bytes):
            return len(self.buffer), self.buffer
        pieces = list(edited(self.buffer, self._changes))
        length = sum(len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces)
        if isinstance(self.buffer, mmap):
            return length, AsyncPieces(self.buffer, pieces)
        whole = self.buffer
        return length, b"".join(p if isinstance(p, bytes) else whole[p[0] : p[1]] for p in pieces)

    def close(self) -> None:
        """Give a big body's file or room back."""
        if self._room is not None:
            self._room.give_back(self._taken)
            self._room = None
        if isinstance(self.buffer, mmap):
            self.buffer.close()


class AsyncPieces:
    """A big body, piece by piece, each time from its start."""

    def __init__(self, buffer: mmap, pieces: Iterable[tuple[int, int] | bytes]) -> None:
        self._buffer = buffer
        self._pieces = tuple(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for start in range(piece[0], piece[1], PIECE):
                await checkpoint()
                yield self._buffer[start : min(start + PIECE, piece[1])]


async def read_body(call: Call, limit: int, room: Room) -> Body:
    """Read it whole; it must be closed. Raises `Refused` past `limit` bytes (at once where its
    length is announced) and `ClientGone`.
    """
    announced = call.fields.get(b"content-length", b"")
    length = int(announced) if announced.isdigit() else 0
    if length > limit:
        raise _too_large(limit)
    piece, more = await _received(call)
    if not more and len(piece) <= IN_MEMORY and len(piece) <= limit:
        return Body(piece)
    taken = room.take(length) if length > IN_MEMORY else 0
    try:
        return await _read_on(call, piece, more, limit, room, taken)
    except BaseException:
        room.give_back(taken)
        raise


async def _read_on(
    call: Call, piece: bytes, more: bool, limit: int, room: Room, taken: int
) -> Body:
    pieces, size, fitting = [piece], len(piece), max(IN_MEMORY, taken)
    while more and size <= min(fitting, limit):
        piece, more = await _received(call)
        pieces.append(piece)
        size += len(piece)
    if size > limit:
        raise _too_large(limit)
    if size > fitting:
        return await _on_disk(call, pieces, more, limit)
    return Body(b"".join(pieces), room, taken)


async def _on_disk(call: Call, pieces: list[bytes], more: bool, limit: int) -> Body:
    # Written on the event loop: the page cache takes a piece in less time than a thread hop.
    with tempfile.TemporaryFile(prefix="jano-body-") as file:
        file.writelines(pieces)
        pieces.clear()
        size = file.tell()
        while more:
            piece, more = await _received(call)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            file.write(piece)
        file.flush()
        return Body(mmap(file.fileno(), 0, access=ACCESS_READ))


async def _received(call: Call) -> tuple[bytes, bool]:
    """A piece, and whether more follow. Raises `ClientGone`."""
    message = await call.receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def discard(call: Call) -> None:
    """Let a client whose body was refused finish its sending, for a moment.

    A connection that is closed on unread bytes is reset, and the reset can overtake the error
    that the client should see.
    """
    with anyio.move_on_after(DISCARD_S):
        while True:
            message = await call.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return


def _too_large(limit: int) -> Refused:
    return Refused(
        "request_too_large",
        f"the body is larger than {show_size(limit)} (server.max_body)",
    )
