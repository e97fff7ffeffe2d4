"""Changes to the members of a JSON body, as edits of its bytes: all other bytes stay.

A filter's names are those of top-level members. `remove` drops a member, `set` gives it a value,
`default` gives it one where it is absent. Where both the member and the given value are objects
they are merged, name by name and at every depth, so that
`set = { chat_template_kwargs = { enable_thinking = false } }` leaves the caller's other keys alone.
Filters apply one after another (a model's own, then its variant's). None of them can touch
`model`; the name that the server expects is `upstream_model`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ..config.schema import RequestFilter
from .members import Buffer, Malformed, Members, members


class Edit(Struct, frozen=True):
    """Replace the bytes `[start, end)` by `new`."""

    start: int
    end: int
    new: bytes = b""


def edits(body: Buffer, filters: Sequence[RequestFilter], model: str = "") -> list[Edit]:
    """What the filters and another model name (empty: the caller's stays) change in `body`.

    Disjoint and in order; empty for a body that is no JSON object. Raises `Malformed`.
    """
    found = members(body)
    if found is None:
        return []
    draft = _Draft(body, found)
    for table in filters:
        draft.apply(table)
    if model:
        draft.put("model", msgspec.json.encode(model))
    return list(draft.edits())


def edited(body: Buffer, changes: Iterable[Edit]) -> Iterator[tuple[int, int] | bytes]:
    """The new body in order, as spans of the old one and new bytes."""
    at = 0
    for change in changes:
        if change.start > at:
            yield at, change.start
        if change.new:
            yield change.new
        at = change.end
    if at < len(body):
        yield at, len(body)


class _Draft:
    """An object under change: the new value of each member that gets one, None = removed."""

    def __init__(self, body: Buffer, found: Members) -> None:
        self._body = body
        self._found = found
        self._names = {member.name for member in found.list}
        self._changed: dict[str, bytes | None] = {}

    def apply(self, table: RequestFilter) -> None:
        for name in table.remove:
            if name != "model" and self._value(name) is not None:
                self._changed[name] = None
        for name, value in table.set.items():
            if name != "model":
                self.put(name, _laid_over(self._value(name), value))
        for name, value in table.default.items():
            if name != "model":
                self.put(name, _laid_under(self._value(name), value))

    def put(self, name: str, value: bytes) -> None:
        if value != self._value(name):
            self._changed[name] = value

    def edits(self) -> Iterator[Edit]:
        """Removing a member takes the comma before it, or after it while nothing stays before."""
        kept = False
        listed = self._found.list
        for index, member in enumerate(listed):
            new = self._changed.get(member.name, b"")
            if new is not None:
                kept = True
                if new:
                    yield Edit(member.value, member.end, new)
            elif kept:
                yield Edit(listed[index - 1].end, member.end)
            else:
                following = listed[index + 1].start if index + 1 < len(listed) else member.end
                yield Edit(member.start, following)
        if added := self._added():
            at = listed[-1].end if listed else self._found.close
            yield Edit(at, at, (b"," if kept else b"") + b",".join(added))

    def _added(self) -> list[bytes]:
        return [
            msgspec.json.encode(name) + b":" + value
            for name, value in self._changed.items()
            if value is not None and name not in self._names
        ]

    def _value(self, name: str) -> bytes | None:
        if name in self._changed:
            return self._changed[name]
        if given := self._found.named(name):
            return bytes(self._body[given[-1].value : given[-1].end])
        return None


def _laid_over(old: bytes | None, value: Any) -> bytes:
    """`value` wins, but for what an old object has besides."""
    if not isinstance(value, Mapping) or (inside := _object(old)) is None:
        return msgspec.json.encode(value)
    for name, part in value.items():
        inside[name] = Raw(_laid_over(_bytes(inside.get(name)), part))
    return msgspec.json.encode(inside)


def _laid_under(old: bytes | None, value: Any) -> bytes:
    """The old value wins, but for what it lacks of an object."""
    if old is None:
        return msgspec.json.encode(value)
    if not isinstance(value, Mapping) or (inside := _object(old)) is None:
        return old
    for name, part in value.items():
        inside[name] = Raw(_laid_under(_bytes(inside.get(name)), part))
    return msgspec.json.encode(inside)


def _object(value: bytes | None) -> dict[str, Raw] | None:
    if value is None or not value.startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(value, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"an object that a filter changes cannot be read: {error}")


def _bytes(value: Raw | None) -> bytes | None:
    return None if value is None else bytes(value)
