"""One model that could be served, as it would stand in the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace


class Find(Struct, frozen=True, kw_only=True):
    """`table` is its `[models.NAME]`, `notes` are told above it. `lacks` names what must be
    installed first; such a find is written out as a comment.
    """

    name: str
    table: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    lacks: str = ""


def model_name(text: str) -> str:
    """A name that is easy to type, of a file's or repository's."""
    return re.sub(r"[^a-z0-9._:-]+", "-", text.lower()).strip("-.") or "model"


def distinct(finds: Iterable[Find]) -> Iterator[Find]:
    """The same finds under names of which no two are alike, whatever their case."""
    taken: set[str] = set()
    for find in finds:
        name, number = find.name, 2
        while name.casefold() in taken:
            name, number = f"{find.name}-{number}", number + 1
        taken.add(name.casefold())
        yield replace(find, name=name)
