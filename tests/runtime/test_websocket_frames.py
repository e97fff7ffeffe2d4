from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.websocket_frames import (
    Frame,
    FrameParser,
    MessageJoiner,
    Opcode,
    ProtocolError,
    encode,
)

LIMIT = 100_000
LONG = b"x" * 60_000


def unmasked(frame: bytes) -> bytes:
    """A client's frame as a server would send it."""
    size = {126: 2, 127: 8}.get(frame[1] & 0x7F, 0)
    key, payload = frame[2 + size : 6 + size], frame[6 + size :]
    plain = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return bytes((frame[0], frame[1] & 0x7F)) + frame[2 : 2 + size] + plain


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
def test_every_length_comes_back(size: int, masked: bool) -> None:
    payload = bytes(at % 251 for at in range(size))
    wire = encode(Opcode.BINARY, payload, masked=masked)
    assert bool(wire[1] & 0x80) is masked
    if masked:
        assert unmasked(wire) == encode(Opcode.BINARY, payload, masked=False)
    assert list(FrameParser(LIMIT, masked=masked).feed(wire)) == [Frame(Opcode.BINARY, payload)]


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.booleans())
def test_the_cuts_of_the_network_do_not_matter(
    payloads: list[bytes], step: int, masked: bool
) -> None:
    wire = b"".join(encode(Opcode.BINARY, payload, masked=masked) for payload in payloads)
    parser, found = FrameParser(LIMIT, masked=masked), []
    for at in range(0, len(wire), step):
        found += [frame.payload for frame in parser.feed(wire[at : at + step])]
    assert found == payloads


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"\xc1\x00", 1002),  # reserved bit
        (b"\x83\x00", 1002),  # unknown opcode
        (b"\x81\x80\0\0\0\0", 1002),  # masked by a server
        (b"\x09\x00", 1002),  # a ping in pieces
        (b"\x89\x7e\x00\x80", 1002),  # a long ping
        (b"\x82\x7f" + (LIMIT + 1).to_bytes(8, "big"), 1009),
    ],
)
def test_what_breaks_the_protocol(wire: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as error:
        list(FrameParser(LIMIT, masked=False).feed(wire))
    assert error.value.code == code


def test_a_client_must_mask() -> None:
    with pytest.raises(ProtocolError):
        list(FrameParser(LIMIT, masked=True).feed(encode(Opcode.TEXT, b"", masked=False)))


def test_messages_are_joined() -> None:
    joiner = MessageJoiner(LIMIT)
    assert joiner.add(Frame(Opcode.TEXT, b"caf\xc3", final=False)) is None
    assert joiner.add(Frame(Opcode.CONTINUATION, b"\xa9")) == "café"
    assert joiner.add(Frame(Opcode.BINARY, b"\xff")) == b"\xff"


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([Frame(Opcode.CONTINUATION, b"")], 1002),
        ([Frame(Opcode.TEXT, b"", final=False), Frame(Opcode.TEXT, b"")], 1002),
        ([Frame(Opcode.TEXT, b"\xff")], 1007),
        ([Frame(Opcode.TEXT, LONG, final=False), Frame(Opcode.CONTINUATION, LONG)], 1009),
    ],
)
def test_messages_that_cannot_be(frames: list[Frame], code: int) -> None:
    joiner = MessageJoiner(LIMIT)
    with pytest.raises(ProtocolError) as error:
        for frame in frames:
            joiner.add(frame)
    assert error.value.code == code
