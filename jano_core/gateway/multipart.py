"""Fields of a multipart form, found in place: nothing is decoded, copied or put together anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from ..errors import Refused
from .members import Buffer
from .peek import Peek, one_of

_BOUNDARY = re.compile(rb'boundary=(?:"((?:[^"\\]|\\.)+)"|([^;,\s]+))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
_DISPOSITION = b"content-disposition:"
_AFTER_BOUNDARY = re.compile(rb"--|[ \t]*\r\n")
"""A longer word that begins like the boundary is part of the content."""


class Part(Struct, frozen=True):
    """One field: its bytes are `[start, end)` of the body."""

    name: bytes
    start: int
    end: int


def peek_form(body: Buffer, content_type: bytes) -> Peek:
    """Read `model` and `stream`; raises `Refused`: model_required or model_ambiguous."""
    models: set[str] = set()
    stream = False
    for part in parts(body, content_type):
        if part.name == b"model":
            models.add(bytes(body[part.start : part.end]).decode(errors="replace").strip())
        elif part.name == b"stream":
            stream = bytes(body[part.start : part.end]).strip().lower() == b"true"
    return Peek(one_of(models), stream)


def parts(body: Buffer, content_type: bytes) -> list[Part]:
    """Every named part, in order. A form that ends early gives the parts that are whole."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refused("invalid_request", "a multipart body needs a boundary in content-type")
    boundary = found[1] or found[2]
    result: list[Part] = []
    for (_, begin), (end, _) in pairwise(_delimiters(body, boundary)):
        head_end = body.find(b"\r\n\r\n", begin, end)
        if head_end >= 0 and (name := _name(bytes(body[begin:head_end]))) is not None:
            result.append(Part(name, head_end + 4, end))
    return result


def _delimiters(body: Buffer, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where each stands, the line break before it included, and where its boundary ends.

    Searched for with `find`: a pattern takes twenty times as long, and while a long recording is
    searched nobody else is served.
    """
    dashed = b"--" + boundary
    at = body.find(dashed)
    while at >= 0:
        end = at + len(dashed)
        if (at == 0 or body[at - 2 : at] == b"\r\n") and _AFTER_BOUNDARY.match(body, end):
            yield max(0, at - 2), end
        at = body.find(dashed, end)


def _name(head: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_DISPOSITION) and (found := _NAME.search(line)):
            return found[1] if found[1] is not None else found[2]
    return None
