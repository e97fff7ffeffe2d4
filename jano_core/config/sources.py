"""The texts that a configuration is made of, put together, and the problems found in them."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..errors import ConfigError, ConfigProblem
from .toml_writer import key_text

if TYPE_CHECKING:
    from .lines import Lines

Path = tuple[str, ...]
"""The keys that lead to a place in a configuration."""


class Source(Struct):
    """One file as it was read; `text` is None where it is no TOML."""

    file: str
    data: dict[str, Any]
    text: str | None = None
    lines: Lines | None = None
    """Where its keys stand, once anybody has asked."""

    @classmethod
    def toml(cls, file: pathlib.Path, text: str) -> Source:
        """Raises `ConfigError` that names the line of a syntax error."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message, line = _split_place(str(error), text.rstrip().count("\n") + 1)
            raise ConfigError([ConfigProblem(message, file=str(file), line=line)])
        except (ValueError, RecursionError) as error:
            # Of Python's own limits: an integer of thousands of digits, brackets as deep.
            raise ConfigError([ConfigProblem(str(error), file=str(file))])
        return cls(str(file), data, text)

    def holds(self, path: Path) -> bool:
        """Is there anything at `path`?"""
        node: Any = self.data
        for part in path:
            if not isinstance(node, Mapping) or part not in node:
                return False
            node = node[part]
        return True

    def line(self, path: Path) -> int:
        """The line of `path` or of what is around it; 0 where that is not known."""
        if self.text is None:
            return 0
        if self.lines is None:
            # Only for what is wrong, so mostly never.
            from .lines import Lines

            self.lines = Lines(self.text)
        return self.lines.nearest(path)


class Problems:
    """Collects everything wrong with a configuration, so that one run of `check` shows it all."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.found: list[ConfigProblem] = []
        self.paths: list[Path] = []
        """Where each of them is."""

    def add(
        self, path: Path, message: str, *, table: bool = False, source: Source | None = None
    ) -> None:
        """Something is wrong at `path`: a key in a table, or with `table` the table itself.

        It is placed in `source`, else in the file that gives the key.
        """
        source = source or self._source(path)
        self.paths.append(path)
        self.found.append(
            ConfigProblem(
                message,
                file=source.file if source else "",
                line=source.line(path) if source else 0,
                table=key_text(path if table else path[:-1]),
                key="" if table else path[-1] if path else "",
            )
        )

    def touch(self, path: Path) -> bool:
        """Was anything found wrong at or below `path`?"""
        return any(other[: len(path)] == path for other in self.paths)

    def throw(self) -> None:
        """Raises `ConfigError` if there is any problem."""
        if self.found:
            raise ConfigError(self.found)

    def _source(self, path: Path) -> Source | None:
        """The file that gives `path`; else the one that gives the most of what is around it."""
        for length in range(len(path), 0, -1):
            for source in self._sources:
                if source.holds(path[:length]):
                    return source
        return self._sources[0] if self._sources else None


def merge(sources: Sequence[Source], problems: Problems) -> dict[str, Any]:
    """One tree of all sources. The same key in two of them is a problem that names both files."""
    merged: dict[str, Any] = {}
    for source in sources:
        _merge(merged, source.data, (), source, sources, problems)
    return merged


def _merge(
    into: dict[str, Any],
    data: Mapping[str, Any],
    path: Path,
    source: Source,
    sources: Sequence[Source],
    problems: Problems,
) -> None:
    for key, value in data.items():
        here = (*path, key)
        if key not in into:
            into[key] = _copied(value)
        elif isinstance(into[key], dict) and isinstance(value, Mapping):
            _merge(into[key], value, here, source, sources, problems)
        else:
            first = next(other for other in sources if other.holds(here))
            problems.add(
                here, f"it is given in {_at(first, here)} already; give it once", source=source
            )


def _copied(value: Any) -> Any:
    """Tables are copied, so that merging into one does not change the source it came from."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return value


def _at(source: Source, path: Path) -> str:
    line = source.line(path)
    return f"{source.file}:{line}" if line else source.file


def _split_place(error: str, last: int) -> tuple[str, int]:
    """What tomllib says, in a user's words, and its line: `Invalid value (at line 2, column 5)`.

    `last` is the number of the last line.
    """
    message, _, place = error.partition(" (at ")
    found = re.match(r"line (\d+), column (\d+)", place)
    line = int(found[1]) if found else last
    if declared := _TWICE.fullmatch(message):
        return f"[{key_text(re.findall(_QUOTED, declared[1]))}] is there twice", line
    if message == "Cannot overwrite a value":
        return "the same key is given twice", line
    return f"{message} (column {found[2]})" if found else message, line


_TWICE = re.compile(r"Cannot declare \((.*)\) twice")
_QUOTED = r"'([^']*)'"
