"""A body may come in any pieces, and end with its last one or with an empty one after it."""

from __future__ import annotations

from collections.abc import MutableMapping
from mmap import mmap
from typing import Any

import anyio
import pytest

from jano_core.errors import Refused
from jano_core.gateway.body import IN_MEMORY, read_body
from jano_core.gateway.call import Call

pytestmark = pytest.mark.anyio

SIZES = (0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY)


def call(pieces: list[bytes], *, closing: bool) -> Call:
    """A call whose body is these pieces; `closing`: its end is told by a message of its own."""
    last = len(pieces) - 1
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": closing or number < last}
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

    return Call({"path": "/x", "headers": []}, receive, send)


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("piece", [2**16, 2**20, 2**23])
@pytest.mark.parametrize("size", SIZES)
async def test_whole(size: int, piece: int, closing: bool) -> None:
    whole = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [whole[start : start + piece] for start in range(0, size, piece)] or [b""]
    with anyio.fail_after(10):
        body = await read_body(call(pieces, closing=closing), 2**30)
    assert len(body) == size
    assert body.buffer[:] == whole
    assert isinstance(body.buffer, mmap) == (size > IN_MEMORY)
    body.close()


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("limit", [0, 1000, IN_MEMORY, 2 * IN_MEMORY])
async def test_too_large(limit: int, closing: bool) -> None:
    pieces = [b"x" * (limit // 2)] * 2
    with anyio.fail_after(10):
        body = await read_body(call([*pieces, b""], closing=closing), limit)
        assert len(body) == limit
        body.close()
        with pytest.raises(Refused) as refused:
            await read_body(call([*pieces, b"x"], closing=closing), limit)
    assert refused.value.status == 413
