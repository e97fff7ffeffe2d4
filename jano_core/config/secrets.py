"""References to secrets: resolved as late as possible, masked wherever they might show.

`${env:NAME}`, `${file:PATH}` and `${credential:NAME}` stay in the configuration as they are
written; only what is handed to a model server or an authenticator goes through `resolve`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import JanoError

REFERENCE = re.compile(r"\$\{(env|file|credential):([^}]*)\}")

MASK = "***"
SHORTEST = 4
"""Shorter values are not masked: hiding every `1` would hide nothing and spoil every text."""


class SecretMissing(JanoError):
    """A reference that leads to nothing; the text names it and never a value."""


class Secrets:
    """Resolves references and remembers what they were, so that it can be masked."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = env or {}
        self._seen: set[str] = set()
        self._masked: list[str] = []
        """The same, the longest first."""

    def resolve(self, text: str) -> str:
        """`text` with every reference replaced by what it stands for now.

        Raises `SecretMissing`.
        """
        return REFERENCE.sub(lambda found: self._value(found[1], found[2]), text)

    def redact(self, text: str) -> str:
        """`text` with every value that was ever resolved replaced by `***`."""
        if len(self._masked) != len(self._seen):
            self._masked = sorted(self._seen, key=len, reverse=True)  # the whole before its parts
        for value in self._masked:
            text = text.replace(value, MASK)
        return text

    def include(self, others: Secrets) -> None:
        """Mask from now on what those have resolved so far as well."""
        self._seen |= others._seen

    def missing(self, text: str) -> Iterator[str]:
        """Says of each reference in `text` that leads to nothing what is wrong with it."""
        for kind, name in REFERENCE.findall(text):
            try:
                self._value(kind, name)
            except SecretMissing as problem:
                yield str(problem)

    def _value(self, kind: str, name: str) -> str:
        if kind == "env":
            value = self._env.get(name)
            if value is None:
                raise SecretMissing(f"${{env:{name}}}: {name} is not set in the environment")
        elif kind == "file":
            value = _read(Path(name).expanduser(), f"${{file:{name}}}")
        else:
            folder = self._env.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise SecretMissing(
                    f"${{credential:{name}}}: $CREDENTIALS_DIRECTORY is not set; "
                    "systemd sets it for a unit with LoadCredential="
                )
            value = _read(Path(folder) / name, f"${{credential:{name}}}")
        if len(value) >= SHORTEST:
            self._seen.add(value)
        return value


def env_names(text: str) -> Iterator[str]:
    """The variables that `text` refers to as `${env:NAME}`."""
    for kind, name in REFERENCE.findall(text):
        if kind == "env":
            yield name


def _read(path: Path, reference: str) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise SecretMissing(f"{reference}: cannot be read: {why}")
