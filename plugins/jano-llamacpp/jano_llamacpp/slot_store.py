"""Conversations on disk: the slot files of one model in a folder that all models share."""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path

import msgspec
from msgspec import Struct

from jano_core import ServerSpec

from .slot_file import begins, fingerprint, tokens_of

SUFFIX = ".kv"
ELSEWHERE = ("--slot-save-path", "--port", "--host", "--api-key", "--alias", "-a")
"""Arguments that say nothing of what is in a slot; each takes a value."""


class Saved(Struct, frozen=True):
    """One conversation on disk."""

    path: Path
    tokens: int


class SlotStore:
    """Keeps the slot files of one model whose server has the folder as `--slot-save-path`.

    A file is named after the model with its arguments and the conversation in it; the index says
    what size and time of change it had when it was saved, so that one which was changed since, by
    an accident or by a hand, is not offered again. `budget` bytes are for all models together:
    beyond them the file that was saved longest ago goes first.
    """

    def __init__(self, folder: Path, spec: ServerSpec, budget: int) -> None:
        self._folder = folder
        self._budget = budget
        self._stem = stem_of(spec)
        self._index = folder / f"{self._stem}.json"

    def draft(self, slot: int) -> str:
        """A file name for the server to save a slot under."""
        return f"{self._stem}-slot{slot}.new"

    def drop_draft(self, slot: int) -> None:
        """Forget what was saved under it."""
        (self._folder / self.draft(slot)).unlink(missing_ok=True)

    def take(self, slot: int, tokens: int) -> bool:
        """Take over a draft that should hold so many tokens; whether it does."""
        draft = self._folder / self.draft(slot)
        held = tokens_of(draft)
        if held is None or len(held) != tokens:
            draft.unlink(missing_ok=True)
            return False
        path = self._folder / f"{self._stem}-{fingerprint(held)}{SUFFIX}"
        draft.replace(path)
        index = self._read_index()
        index[path.name] = _stamp(path)
        self._forget_beginnings(held, path, index)
        self._keep_to_budget(index)
        self._write_index(index)
        return path.exists()

    def newest(self, count: int) -> tuple[list[Saved], list[str]]:
        """The conversations saved last, newest first, and the names of files that are no longer
        what was saved; those are gone afterwards.
        """
        index, found, bad = self._read_index(), list[Saved](), list[str]()
        for path in sorted(self._own(), key=_changed, reverse=True):
            held = tokens_of(path) if index.get(path.name) == _stamp(path) else None
            if not held:
                bad.append(path.name)
                self.discard(path.name)
            elif len(found) < count:
                found.append(Saved(path, len(held)))
        return found, bad

    def discard(self, name: str) -> None:
        """Delete a file."""
        (self._folder / name).unlink(missing_ok=True)

    def _own(self) -> list[Path]:
        return list(self._folder.glob(f"{self._stem}-*{SUFFIX}"))

    def _forget_beginnings(
        self, held: array[int], newest: Path, index: dict[str, list[int]]
    ) -> None:
        """What was saved of the same conversation when it was shorter is of no more use."""
        for path in self._own():
            older = tokens_of(path)
            if path != newest and older is not None and begins(held, older):
                path.unlink(missing_ok=True)
                index.pop(path.name, None)

    def _keep_to_budget(self, index: dict[str, list[int]]) -> None:
        files = sorted(self._folder.glob(f"*{SUFFIX}"), key=_changed, reverse=True)
        room = self._budget
        for path in files:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
                index.pop(path.name, None)

    def _read_index(self) -> dict[str, list[int]]:
        try:
            return msgspec.json.decode(self._index.read_bytes(), type=dict[str, list[int]])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _write_index(self, index: dict[str, list[int]]) -> None:
        draft = self._index.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(index))
        draft.replace(self._index)


def stem_of(spec: ServerSpec) -> str:
    """A name for the model with everything that decides what its slots look like: the command, and
    size and time of change of the files that it names, the server itself included.
    """
    words, skip = list[str](), False
    for word in spec.cmd:
        if not skip and word.split("=")[0] not in ELSEWHERE:
            words.append(word + _file_stamp(word, spec.cwd))
        skip = not skip and word in ELSEWHERE
    words += [f"{name}={value}" for name, value in sorted(spec.own_env.items())]
    return hashlib.blake2b("\0".join(words).encode(), digest_size=8).hexdigest()


def _file_stamp(word: str, cwd: str) -> str:
    from shutil import which  # brings along every kind of archive

    found = which(word) or str(Path(cwd or ".") / word.rpartition("=")[2])
    try:
        path = Path(found)
        return f" {_stamp(path)}" if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns
