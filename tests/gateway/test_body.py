"""A body may come in any pieces, and end with its last one or with an empty one after it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from mmap import mmap
from typing import Any

import anyio
import pytest

from jano_core.errors import Refused
from jano_core.gateway.body import IN_MEMORY, LARGE, AsyncPieces, Body, read_body
from jano_core.gateway.call import Call, ClientGone
from jano_core.gateway.filters import Edit
from jano_core.gateway.memory import KEPT, PAGE, ROOM, Room

pytestmark = pytest.mark.anyio

SIZES = (0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY)


def call(
    pieces: Sequence[bytes | None], *, closing: bool = False, length: int = 0, fills: bool = False
) -> Call:
    """A call whose body is these pieces; `closing`: its end is told by a message of its own,
    `length`: what is announced, `fills`: by a server that puts it where it is wanted. None among
    them: the client leaves.
    """
    last = len(pieces) - 1
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.disconnect"}
        if piece is None
        else {"type": "http.request", "body": piece, "more_body": closing or number < last}
        for number, piece in enumerate(pieces)
    ]
    if closing:
        messages.append({"type": "http.request", "more_body": False})

    async def receive() -> MutableMapping[str, Any]:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError(message)

    async def fill(place: memoryview) -> bool:
        while messages:
            message = messages.pop(0)
            if message["type"] == "http.disconnect":
                return False
            piece = message.get("body", b"")
            place[: len(piece)] = piece
            place = place[len(piece) :]
        return True

    scope: dict[str, Any] = {"path": "/x", "headers": []}
    if length:
        scope["headers"].append((b"content-length", b"%d" % length))
    if fills:
        scope["extensions"] = {"jano.fill": fill}
    return Call(scope, receive, send)


def on_disk(body: Body) -> bool:
    return isinstance(body.outgoing(), AsyncPieces)


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("piece", [2**16, 2**20, 2**23])
@pytest.mark.parametrize("size", SIZES)
async def test_whole(size: int, piece: int, closing: bool) -> None:
    whole = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [whole[start : start + piece] for start in range(0, size, piece)] or [b""]
    with anyio.fail_after(10):
        body = await read_body(call(pieces, closing=closing), 2**30, Room())
    assert len(body) == size
    assert body.buffer[:] == whole
    assert isinstance(body.buffer, mmap) == (size > IN_MEMORY)
    body.close()


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("limit", [0, 1000, IN_MEMORY, 2 * IN_MEMORY])
async def test_too_large(limit: int, closing: bool) -> None:
    pieces = [b"x" * (limit // 2)] * 2
    with anyio.fail_after(10):
        body = await read_body(call([*pieces, b""], closing=closing), limit, Room())
        assert len(body) == limit
        body.close()
        with pytest.raises(Refused) as refused:
            await read_body(call([*pieces, b"x"], closing=closing), limit, Room())
    assert refused.value.status == 413


async def test_large_bodies_share_the_room() -> None:
    room, piece = Room(), b"x" * IN_MEMORY
    many = ROOM // (16 * IN_MEMORY) + 1

    def large() -> Call:
        return call([piece] * 16, length=16 * IN_MEMORY)

    bodies = [await read_body(large(), 2**30, room) for _ in range(many)]
    assert [on_disk(body) for body in bodies] == [False] * (many - 1) + [True]
    assert all(body.buffer[:] == piece * 16 for body in bodies)
    for body in bodies:
        body.close()
        body.close()
    assert room.left == ROOM
    again = await read_body(large(), 2**30, room)
    assert not on_disk(again)
    again.close()


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("size", [LARGE, LARGE + 1, KEPT, KEPT + 1, KEPT + PAGE])
async def test_an_announced_body_has_its_place(size: int, fills: bool) -> None:
    room, whole = Room(), (bytes(range(256)) * (size // 256 + 1))[:size]
    pieces = [whole[start : start + 300_000] for start in range(0, size, 300_000)]
    body = await read_body(call(pieces, length=size, fills=fills), 2**30, room)
    assert (room.left < ROOM) == (size > LARGE)
    assert (len(body), body.buffer[:]) == (size, whole)
    assert body.outgoing() == whole
    body.change([Edit(0, 10, b"new"), Edit(size, size, b"end")])
    content = body.outgoing()
    assert not isinstance(content, AsyncPieces)
    assert bytes(content) == b"new" + whole[10:] + b"end"
    body.close()
    assert room.left == ROOM
    assert bytes(content[:3]) == b"new"  # a connection may still be sending it


@pytest.mark.parametrize("fills", [False, True])
async def test_a_client_that_leaves_within_a_large_body_leaves_its_room(fills: bool) -> None:
    room = Room()
    pieces: list[bytes | None] = [b"x", b"y", None]
    with pytest.raises(ClientGone):
        await read_body(call(pieces, length=ROOM, fills=fills), 2**30, room)
    assert room.left == ROOM


async def test_a_body_that_ends_before_its_length_is_none() -> None:
    room = Room()
    with pytest.raises(ClientGone):
        await read_body(call([b"x", b"y"], length=ROOM), 2**30, room)
    assert room.left == ROOM
