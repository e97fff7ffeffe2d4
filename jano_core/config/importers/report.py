"""What a conversion of another program's configuration gives."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from ...errors import ConfigError, ConfigProblem
from ..toml_writer import dumps

NoteKind = Literal["changed", "dropped", "secret", "ports"]


class Note(Struct, frozen=True):
    """One thing that a person should know: a changed meaning, something that was dropped, a
    secret that stayed a reference, an address that moved.
    """

    kind: NoteKind
    text: str


class Imported(Struct, kw_only=True):
    """A configuration of Jano's made from another program's."""

    config: dict[str, Any]
    notes: list[Note] = field(default_factory=list)

    @property
    def config_toml(self) -> str:
        """The configuration as a `jano.toml`."""
        return dumps(self.config)

    def note(self, kind: NoteKind, text: str) -> None:
        """Add a note, once."""
        if (note := Note(kind, text)) not in self.notes:
            self.notes.append(note)


def fail(message: str, path: object = "", line: int = 0) -> ConfigError:
    """The error of a text that cannot be converted."""
    return ConfigError([ConfigProblem(message, file=str(path), line=line)])
