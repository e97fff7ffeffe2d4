"""The top-level members of a JSON object, with the places of their bytes.

Iterative, so that nesting of any depth is only a number. Strict about the object itself and about
matching brackets; what stands inside nested values is left to the model server, which gets the
same bytes. A request needs this only when its body is to be changed, when a name might be given
twice, or when it is nested too deeply for the fast decoder (see `peek.py`).
"""

from __future__ import annotations

import re
from mmap import mmap

import msgspec
from msgspec import Struct

Buffer = bytes | bytearray | mmap

_SPACE = re.compile(rb"[ \t\n\r]*")
_QUOTED = rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_STRING = re.compile(_QUOTED, re.DOTALL)
_FLAT = re.compile(rb'[^"\[\]{}]*+(?:' + _QUOTED + rb'[^"\[\]{}]*+)*+', re.DOTALL)
"""All up to the next bracket that is not in a string."""
_SCALAR = re.compile(rb"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CLOSER = {b"[": b"]", b"{": b"}"}
_QUOTE, _COMMA, _COLON = b'"', b",", b":"


class Malformed(ValueError):
    """The bytes are not JSON; the text says where."""


class Member(Struct, frozen=True):
    """One `"name": value`: `start` is the name's first quote, the value is `[value, end)`."""

    name: str
    start: int
    value: int
    end: int


class Members(Struct, frozen=True):
    """All members in order, repeated names included; `close` is the place of the last brace."""

    list: tuple[Member, ...]
    close: int

    def named(self, name: str) -> tuple[Member, ...]:
        """Every member of that name, in order."""
        return tuple(member for member in self.list if member.name == name)


def members(buffer: Buffer) -> Members | None:
    """The members of the object in `buffer`; None for JSON that is no object.

    Raises `Malformed`.
    """
    at = _after_space(buffer, 0)
    if buffer[at : at + 1] != b"{":
        _only(buffer, _value_end(buffer, at))
        return None
    found: list[Member] = []
    at = _after_space(buffer, at + 1)
    while buffer[at : at + 1] != b"}":
        if found:
            at = _after_space(buffer, _expect(buffer, at, _COMMA))
        member = _member(buffer, at)
        found.append(member)
        at = _after_space(buffer, member.end)
    _only(buffer, at + 1)
    return Members(tuple(found), at)


def _member(buffer: Buffer, start: int) -> Member:
    name_end = _string_end(buffer, start)
    try:
        name = msgspec.json.decode(buffer[start:name_end], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"a name at byte {start} is not a string: {error}")
    value = _after_space(buffer, _expect(buffer, _after_space(buffer, name_end), _COLON))
    return Member(name, start, value, _value_end(buffer, value))


def _value_end(buffer: Buffer, at: int) -> int:
    first = buffer[at : at + 1]
    if first == _QUOTE:
        return _string_end(buffer, at)
    if first in (b"{", b"["):
        return _nested_end(buffer, at)
    if scalar := _SCALAR.match(buffer, at):
        return scalar.end()
    raise Malformed(f"no value at byte {at}")


def _nested_end(buffer: Buffer, at: int) -> int:
    open_ones: list[bytes] = []
    while True:
        sign = bytes(buffer[at : at + 1])
        if closer := _CLOSER.get(sign):
            open_ones.append(closer)
        elif not sign or open_ones.pop() != sign:
            raise Malformed(f"a nested value does not go on at byte {at}")
        at += 1
        if not open_ones:
            return at
        flat = _FLAT.match(buffer, at)
        at = flat.end() if flat else at


def _string_end(buffer: Buffer, at: int) -> int:
    if found := _STRING.match(buffer, at):
        return found.end()
    raise Malformed(f"no string at byte {at}")


def _after_space(buffer: Buffer, at: int) -> int:
    found = _SPACE.match(buffer, at)
    return found.end() if found else at


def _expect(buffer: Buffer, at: int, sign: bytes) -> int:
    if buffer[at : at + 1] != sign:
        raise Malformed(f"no {sign.decode()!r} at byte {at}")
    return at + 1


def _only(buffer: Buffer, end: int) -> None:
    if (rest := _after_space(buffer, end)) != len(buffer):
        raise Malformed(f"something follows the value at byte {rest}")
