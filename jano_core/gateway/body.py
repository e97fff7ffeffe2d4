"""A request's body: read whole before it is routed, on disk once it is big."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from mmap import ACCESS_READ, mmap

import anyio
from anyio.lowlevel import checkpoint

from ..errors import Refused
from ..units import show_size
from .call import Call, ClientGone
from .filters import Edit, edited
from .members import Buffer
from .memory import Room, fresh

LARGE = 2**19
"""A body that is announced to be larger gets its place at once, if there is room."""
IN_MEMORY = 2**20
"""Without room larger bodies go to a temporary file, which is gone when the exchange ends."""
PIECE = 2**18
"""Bytes of a big body that are handed to the model server at a time."""
DISCARD_S = 2.0
"""How long the rest of a refused body is read."""


Part = tuple[int, int] | bytes
"""From where to where in what came, or what stands instead."""


class Body:
    """The bytes as they came, and the changes to them that the model server is to see."""

    _changes: Sequence[Edit] = ()

    def __init__(self, buffer: Buffer, room: Room | None = None) -> None:
        self.buffer = buffer
        self._room = room
        """What gave the memory for it, if it is large and in memory."""

    def __len__(self) -> int:
        """The length as it came."""
        return len(self.buffer)

    def change(self, changes: list[Edit]) -> None:
        """Have these edits in `outgoing`, instead of any earlier ones."""
        self._changes = changes

    def outgoing(self) -> Content:
        """What to send; it can be sent more than once."""
        buffer = self.buffer
        if not self._changes and isinstance(buffer, bytes):
            return buffer
        if isinstance(buffer, mmap) and self._room is None:
            return AsyncPieces(buffer, edited(buffer, self._changes))
        if not self._changes:
            return memoryview(buffer)
        return _together(buffer, tuple(edited(buffer, self._changes)))

    def close(self) -> None:
        """Give a big body's file or room back. The bytes are gone with the last who refers to them,
        which may be a connection that is just closing.
        """
        if self._room is not None:
            self._room.give_back(len(self.buffer))
            self._room = None
        self.buffer = b""


class AsyncPieces:
    """A big body on disk, piece by piece, each time from its start."""

    def __init__(self, buffer: mmap, pieces: Iterable[Part]) -> None:
        self._buffer = buffer
        self._pieces = tuple(pieces)

    def __len__(self) -> int:
        """Bytes of all pieces."""
        return _size(self._pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for start in range(piece[0], piece[1], PIECE):
                await checkpoint()
                yield self._buffer[start : min(start + PIECE, piece[1])]


Content = bytes | memoryview | AsyncPieces
"""What a model server is sent."""


def _size(pieces: Sequence[Part]) -> int:
    return sum(len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces)


def _together(buffer: Buffer, pieces: Sequence[Part]) -> bytes | memoryview:
    """One body in memory: a large one where large bodies are."""
    old = memoryview(buffer)
    parts = (p if isinstance(p, bytes) else old[p[0] : p[1]] for p in pieces)
    if isinstance(buffer, bytes):
        return b"".join(parts)
    size = _size(pieces)
    new, at = memoryview(fresh(size))[:size], 0
    for part in parts:
        new[at : at + len(part)] = part
        at += len(part)
    return new


def arrived_body(call: Call, limit: int) -> Body | None:
    """The body where all of it has come already and is not large, else None: then `read_body` is to
    be asked. Raises `Refused` past `limit` bytes.
    """
    if call.arrived is None or (whole := call.arrived()) is None:
        return None
    if len(whole) > limit:
        raise _too_large(limit)
    return Body(whole)


async def read_body(call: Call, limit: int, room: Room) -> Body:
    """Read it whole; it must be closed. Raises `Refused` past `limit` bytes (at once where its
    length is announced) and `ClientGone`.
    """
    announced = call.fields.get(b"content-length", b"")
    length = int(announced) if announced.isdigit() else 0
    if length > limit:
        raise _too_large(limit)
    if length > LARGE and room.take(length):
        return await _in_room(call, length, room)
    piece, more = await _received(call)
    if not more and len(piece) <= IN_MEMORY and len(piece) <= limit:
        return Body(piece)
    return await _read_on(call, piece, more, limit)


async def _in_room(call: Call, length: int, room: Room) -> Body:
    """Every piece goes to its place at once, so that a large body is never there twice."""
    try:
        whole = fresh(length)
        with memoryview(whole)[:length] as place:
            if not await (call.fill or partial(_fill, call))(place):
                raise ClientGone
        if isinstance(whole, mmap) and len(whole) > length:
            whole.resize(length)
    except BaseException:
        room.give_back(length)
        raise
    return Body(whole, room)


async def _fill(call: Call, place: memoryview) -> bool:
    """As `Call.fill`, piece by piece."""
    at, more = 0, True
    while more:
        piece, more = await _received(call)
        place[at : at + len(piece)] = piece
        at += len(piece)
    return at == len(place)


async def _read_on(call: Call, piece: bytes, more: bool, limit: int) -> Body:
    pieces, size = [piece], len(piece)
    while more and size <= min(IN_MEMORY, limit):
        piece, more = await _received(call)
        pieces.append(piece)
        size += len(piece)
    if size > limit:
        raise _too_large(limit)
    if size > IN_MEMORY:
        return await _on_disk(call, pieces, more, limit)
    return Body(b"".join(pieces))


async def _on_disk(call: Call, pieces: list[bytes], more: bool, limit: int) -> Body:
    import tempfile  # three milliseconds that few need

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
