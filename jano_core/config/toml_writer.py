"""Writes TOML: just enough for configurations, read back by `tomllib` as what it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_SPECIAL = re.compile(r'[\\"\x00-\x1f\x7f]')


def dumps(data: Mapping[str, Any]) -> str:
    """TOML of a tree of mappings, sequences, strings, numbers and booleans.

    Tables become `[headers]`, tables inside lists become inline ones. Raises `TypeError` for what
    TOML does not know, such as None.
    """
    lines: list[str] = []
    _table(data, (), lines)
    return "\n".join(lines).lstrip("\n") + "\n" if lines else ""


def key_text(path: Sequence[str]) -> str:
    """A dotted key, each part quoted where it must be."""
    return ".".join(part if _BARE.fullmatch(part) else _string(part) for part in path)


def _table(data: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    plain = {key: value for key, value in data.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    # A table that holds nothing but tables is implied by their headers.
    if path and (plain or not tables):
        lines.extend(("", f"[{key_text(path)}]"))
    lines.extend(f"{key_text([key])} = {_value(value)}" for key, value in plain.items())
    for key, value in tables.items():
        _table(value, (*path, key), lines)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int():
            return str(int(value))
        case float():
            return repr(float(value))  # `inf` and `nan` are TOML's words as well
        case Mapping():
            inside = ", ".join(f"{key_text([key])} = {_value(item)}" for key, item in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"TOML has no form for {value!r}")


def _string(text: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"

    return f'"{_SPECIAL.sub(escaped, text)}"'
