"""The entry points of installed plugins, read from what installers leave beside the packages.

The standard library reads them too (`importlib.metadata`), at a tenth of all that a router does
to start: it brings the parsers of mails and of archives along.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from operator import attrgetter
from pathlib import Path

from msgspec import Struct

_ENDINGS = (".dist-info", ".egg-info")


class EntryPoint(Struct, frozen=True, kw_only=True):
    """One line of an `entry_points.txt`. `value` is `module` or `module:attribute`;
    `distribution` and `version` say what was installed.
    """

    name: str
    value: str
    distribution: str
    version: str

    def load(self) -> object:
        """Import what is named. Raises whatever that raises."""
        module, _, attribute = self.value.partition("[")[0].partition(":")
        found: object = import_module(module.strip())
        return attrgetter(attribute.strip())(found) if attribute else found


def installed(group: str, folders: Iterable[str] | None = None) -> Iterator[EntryPoint]:
    """Every entry point of a group in `folders` (None: where Python looks for modules).

    Of two distributions of the same name the first one counts, as it does for imports. Archives
    and folders that cannot be read hold none.
    """
    seen: set[str] = set()
    for folder in sys.path if folders is None else folders:
        for metadata in _metadata(folder):
            name = metadata.stem.partition("-")[0].lower().replace(".", "_")
            if name not in seen:
                seen.add(name)
                yield from _entry_points(metadata, group)


def _metadata(folder: str) -> list[Path]:
    """What describes a distribution, a folder each."""
    try:
        with os.scandir(folder or ".") as children:
            return [Path(child.path) for child in children if child.name.endswith(_ENDINGS)]
    except OSError:
        return []


def _entry_points(metadata: Path, group: str) -> Iterator[EntryPoint]:
    lines = _section(_read(metadata / "entry_points.txt"), group)
    if not lines:
        return
    about = _read(metadata / "METADATA") or _read(metadata / "PKG-INFO")
    head = dict(line.partition(": ")[::2] for line in about.partition("\n\n")[0].splitlines())
    for line in lines:
        name, _, value = line.partition("=")
        yield EntryPoint(
            name=name.strip(),
            value=value.strip(),
            distribution=head.get("Name", "").strip() or name.strip(),
            version=head.get("Version", "").strip() or "unknown",
        )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _section(text: str, group: str) -> list[str]:
    """The lines of one section of a file in the manner of INI."""
    found: list[str] = []
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif line and section == group and not line.startswith("#"):
            found.append(line)
    return found
