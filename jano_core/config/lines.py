"""Where each key of a TOML text stands, so that an error can name the line.

The text was read by `tomllib` already, so this scanner may assume that it is valid.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Any

from .sources import Path

_SPACE = re.compile(r"(?:[ \t]|\r?\n|#[^\n]*)*")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_STRING = re.compile(
    r'"""(?:\\[\s\S]|"(?!"")|[^"\\])*""""{0,2}'
    r"|'''(?:'(?!'')|[^'])*''''{0,2}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Lines:
    """Line numbers, from 1, of the keys and table headers of one TOML text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._found: dict[Path, int] = {}
        self._scan()

    def exact(self, path: Path) -> int:
        """The line on which `path` is first given; 0 where it is not given in this text."""
        return self._found.get(path, 0)

    def nearest(self, path: Path) -> int:
        """The line of `path`, else of the innermost table around it; 0 where there is none."""
        while path:
            if line := self.exact(path):
                return line
            path = path[:-1]
        return 0

    def _scan(self) -> None:
        table: Path = ()
        at = self._skip(0)
        while at < len(self._text):
            if self._text[at] == "[":
                at = self._skip(at + (2 if self._text.startswith("[[", at) else 1))
                table, at = self._key((), at)
                at = self._text.index("]", at) + 1
                at += self._text.startswith("]", at)
            else:
                at = self._pair(table, at)
            at = self._skip(at)

    def _pair(self, table: Path, at: int) -> int:
        path, at = self._key(table, at)
        return self._value(path, self._skip(self._text.index("=", at) + 1))

    def _key(self, table: Path, at: int) -> tuple[Path, int]:
        found = _KEY.match(self._text, at)
        assert found is not None, f"no key at offset {at} of a valid TOML text"
        path, line = table, bisect_right(self._starts, at)
        for part in _parts(found[0]):
            path = (*path, part)
            self._found.setdefault(path, line)
        return path, found.end()

    def _value(self, path: Path, at: int) -> int:
        """Record the keys inside the value at `at`; returns the offset behind it."""
        if self._text[at] in "[{":
            return self._inside(path, at)
        found = _STRING.match(self._text, at) or _SCALAR.match(self._text, at)
        assert found is not None, f"no value at offset {at} of a valid TOML text"
        return found.end()

    def _inside(self, path: Path, at: int) -> int:
        opened = self._text[at]
        at = self._skip(at + 1)
        while self._text[at] not in "]}":
            at = self._value(path, at) if opened == "[" else self._pair(path, at)
            at = self._skip(at)
            if self._text[at] == ",":
                at = self._skip(at + 1)
        return at + 1

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()


def _parts(key: str) -> Path:
    """The parts of a dotted key, quotes and escapes resolved as TOML does."""
    node: Any = tomllib.loads(f"{key} = 0")
    parts: list[str] = []
    while isinstance(node, dict):
        [(part, node)] = node.items()
        parts.append(part)
    return tuple(parts)
