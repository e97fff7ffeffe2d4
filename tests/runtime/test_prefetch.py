"""A model's files are read while it waits, and no longer, and only where there is room for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from jano_core.runtime import memory_use, prefetch
from jano_core.runtime.prefetch import PIECE, Prefetch
from jano_core.scheduler.commands import Note

pytestmark = pytest.mark.anyio

AWAITED = Note(kind="awaited", model="code")
STARTS = Note(kind="state", model="code", state="starting")


class Crew(dict[str, Any]):
    """One model with such files."""

    def __init__(self, files: Sequence[Path], wanted: bool) -> None:
        parts = SimpleNamespace(backend=SimpleNamespace(files=lambda: files))
        self["code"] = SimpleNamespace(asleep=False, make=lambda: parts)
        self._kit = SimpleNamespace(prefetch=wanted)

    def kit(self, model: str) -> Any:
        return self._kit


class Shelf:
    """Files of which nothing but their sizes is real; remembers what was read of them."""

    def __init__(self, folder: Path, sizes: Sequence[int], patch: pytest.MonkeyPatch) -> None:
        self.files = [folder / f"{number}.gguf" for number in range(len(sizes))]
        for path, size in zip(self.files, sizes, strict=True):
            path.touch()
            with path.open("r+b") as file:
                file.truncate(size)
        self.read: list[tuple[str, int]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        patch.setattr(prefetch, "_read_piece", self._read)

    def _read(self, path: Path, start: int) -> bool:
        self.read.append((path.name, start))
        self.meanwhile()
        return True


async def hear(shelf: Shelf, *notes: Note, wanted: bool = True, spare: int | None = 2**40) -> None:
    """Everything that the notes start is done when this returns."""
    dispatcher: Any = SimpleNamespace(crew=Crew(shelf.files, wanted))
    reader = Prefetch(dispatcher, lambda: spare)
    async with anyio.create_task_group() as reader.tasks:
        for note in notes:
            reader.note(note)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path, (PIECE + 1, 10), monkeypatch)


@pytest.mark.parametrize("kind", ["awaited", "swap_started"])
async def test_it_reads_piece_by_piece_and_once(shelf: Shelf, kind: str) -> None:
    await hear(shelf, AWAITED, Note(kind=kind, model="code"))
    assert shelf.read == [("0.gguf", 0), ("0.gguf", PIECE), ("1.gguf", 0)]


async def test_it_reads_nothing_unasked(shelf: Shelf) -> None:
    await hear(shelf, AWAITED, wanted=False)
    assert shelf.read == []


@pytest.mark.parametrize("spare", [PIECE + 10, None])
async def test_it_takes_no_memory_from_anybody(shelf: Shelf, spare: int | None) -> None:
    await hear(shelf, AWAITED, spare=spare)
    assert shelf.read == []


async def test_a_server_that_only_sleeps_reads_nothing(shelf: Shelf) -> None:
    crew = Crew(shelf.files, True)
    crew["code"].asleep = True
    dispatcher: Any = SimpleNamespace(crew=crew)
    reader = Prefetch(dispatcher, lambda: 2**40)
    async with anyio.create_task_group() as reader.tasks:
        reader.note(AWAITED)
    assert shelf.read == []


async def test_a_backend_that_fails_fails_alone(shelf: Shelf) -> None:
    crew = Crew(shelf.files, True)
    crew["code"].make = None
    dispatcher: Any = SimpleNamespace(crew=crew)
    reader = Prefetch(dispatcher, lambda: 2**40)
    async with anyio.create_task_group() as reader.tasks:
        reader.note(AWAITED)
    assert shelf.read == []


async def test_a_file_that_is_not_there_is_the_server_s_problem(shelf: Shelf) -> None:
    shelf.files.append(Path("/no/such/file.gguf"))
    await hear(shelf, AWAITED)
    assert shelf.read == []


@pytest.mark.parametrize("end", [STARTS, Note(kind="forgone", model="code")])
async def test_it_ends_when_the_server_starts_or_nobody_wants_it(shelf: Shelf, end: Note) -> None:
    reading, over = threading.Event(), threading.Event()
    dispatcher: Any = SimpleNamespace(crew=Crew(shelf.files, True))
    reader = Prefetch(dispatcher, lambda: 2**40)

    def meanwhile() -> None:
        reading.set()
        over.wait(10)

    shelf.meanwhile = meanwhile
    async with anyio.create_task_group() as reader.tasks:
        reader.note(AWAITED)
        await anyio.to_thread.run_sync(reading.wait, 10)
        reader.note(end)
        over.set()
    assert shelf.read == [("0.gguf", 0)]


async def test_a_piece_is_really_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"x" * 3_000_000)
    assert prefetch._read_piece(path, 0) and prefetch._read_piece(path, PIECE)
    assert not prefetch._read_piece(tmp_path / "gone", 0)


def test_what_programs_have_mapped_is_not_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_use, "_meminfo", lambda: {"MemAvailable": 10, "Mapped": 4})
    assert memory_use.spare() == 6
    monkeypatch.setattr(memory_use, "_meminfo", dict)
    assert memory_use.spare() is None
