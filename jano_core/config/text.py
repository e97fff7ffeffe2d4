"""Walking over every string of a configuration, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from .sources import Path

_HOLDING = (str, Mapping, list, tuple, msgspec.Struct)
"""What is or may have strings in it."""


def strings(node: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string with its key path; an item of a list has the path of the list."""
    if isinstance(node, msgspec.Struct):
        node = msgspec.structs.asdict(node)
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(value, _HOLDING):
                yield from strings(value, (*path, str(key)))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from strings(value, path)


def mapped(node: Any, change: Callable[[str], str]) -> Any:
    """A copy of plain data in which every string (but no key) went through `change`."""
    if isinstance(node, str):
        return change(node)
    if isinstance(node, Mapping):
        return {key: mapped(value, change) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [mapped(value, change) for value in node]
    return node
