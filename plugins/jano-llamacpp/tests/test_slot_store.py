"""Slot files: which conversation is in one, which are kept, which are offered again."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable
from pathlib import Path

import pytest

from jano_core import Server, ServerSpec, Usage
from jano_llamacpp.backend import LlamaCpp
from jano_llamacpp.slot_file import MAGIC, tokens_of
from jano_llamacpp.slot_store import SlotStore, stem_of
from jano_llamacpp.slots import Slots

SPEC = ServerSpec(model="chat", cmd=("llama-server", "-m", "chat.gguf"))
STATE = b"state" * 20


def slot_file(tokens: Iterable[int], *, packed: bool = True) -> bytes:
    words = list(tokens)
    if packed:
        words = [-1, 1, len(words), *words, 0]
    return struct.pack("=III", MAGIC, 2, len(words)) + array("i", words).tobytes() + STATE


def store(folder: Path, budget: int = 10**9, spec: ServerSpec = SPEC) -> SlotStore:
    return SlotStore(folder, spec, budget)


def keep(kept: SlotStore, folder: Path, tokens: Iterable[int], at: int) -> bool:
    """Save a conversation as the server would, at a time in seconds."""
    words = list(tokens)
    draft = folder / kept.draft(0)
    draft.write_bytes(slot_file(words))
    os.utime(draft, (at, at))
    return kept.take(0, len(words))


@pytest.mark.parametrize("packed", [True, False])
def test_the_tokens_of_a_file(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "slot"
    path.write_bytes(slot_file([5, 6, 7], packed=packed))
    assert tokens_of(path) == array("i", [5, 6, 7])


@pytest.mark.parametrize("length", [0, 4, 11, 12, 20])
def test_a_file_that_is_cut_short_has_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "slot"
    path.write_bytes(slot_file(range(9))[:length])
    assert tokens_of(path) is None
    path.write_bytes(b"GGUF" + slot_file(range(9))[4:])
    assert tokens_of(path) is None
    assert tokens_of(tmp_path / "nowhere") is None


def test_the_newest_come_first_and_a_longer_one_replaces_its_beginning(tmp_path: Path) -> None:
    kept = store(tmp_path)
    assert keep(kept, tmp_path, [1, 2, 3], at=100)
    assert keep(kept, tmp_path, [7, 8], at=200)
    assert keep(kept, tmp_path, [1, 2, 3, 4], at=300)
    found, bad = kept.newest(5)
    assert [each.tokens for each in found] == [4, 2] and bad == []
    assert [each.tokens for each in kept.newest(1)[0]] == [4]


def test_a_draft_that_holds_something_else_is_not_taken(tmp_path: Path) -> None:
    kept = store(tmp_path)
    (tmp_path / kept.draft(0)).write_bytes(slot_file([1, 2]))
    assert kept.take(0, 3) is False
    assert list(tmp_path.glob("*slot*")) == []


def test_what_was_saved_longest_ago_goes_beyond_the_budget(tmp_path: Path) -> None:
    size = len(slot_file([1, 2, 3]))
    kept = store(tmp_path, budget=2 * size)
    other = store(tmp_path, 2 * size, ServerSpec(model="x", cmd=("llama-server", "-m", "x.gguf")))
    keep(other, tmp_path, [1, 2, 3], at=100)
    keep(kept, tmp_path, [4, 5, 6], at=200)
    keep(kept, tmp_path, [7, 8, 9], at=300)
    assert other.newest(9) == ([], [])
    assert len(kept.newest(9)[0]) == 2


def test_a_file_that_changed_is_not_offered(tmp_path: Path) -> None:
    kept = store(tmp_path)
    keep(kept, tmp_path, [1, 2, 3], at=100)
    (path,) = tmp_path.glob("*.kv")
    path.write_bytes(slot_file([1, 2, 3]))
    assert kept.newest(1) == ([], [path.name])
    assert not path.exists()


def test_the_name_follows_the_model_its_arguments_and_its_file(tmp_path: Path) -> None:
    model = tmp_path / "chat.gguf"
    model.write_bytes(b"1")
    spec = ServerSpec(model="chat", cmd=("llama-server", "-m", str(model), "--port", "1"))
    same = ServerSpec(model="chat", cmd=(*spec.cmd[:-1], "2", "--slot-save-path=/x"))
    wider = ServerSpec(model="chat", cmd=(*spec.cmd, "-c", "8192"))
    stems = [stem_of(each) for each in (spec, same, wider)]
    assert stems[0] == stems[1] != stems[2]
    os.utime(model, (1, 1))
    assert stem_of(spec) != stems[0]


def test_the_command_is_told_where_to_save(tmp_path: Path) -> None:
    spec = ServerSpec(model="chat", cmd=("s",), options={"save_kv": True}, state_folder=tmp_path)
    prepared = LlamaCpp.prepare(spec)
    assert prepared.cmd == ("s", "--slot-save-path", str(tmp_path / "kv"))
    assert LlamaCpp.prepare(prepared) == prepared
    assert (tmp_path / "kv").stat().st_mode & 0o777 == 0o700
    own = ServerSpec(model="chat", cmd=("s", "--slot-save-path=x"), options={"save_kv": True})
    assert LlamaCpp.prepare(own) == own


def test_without_a_place_for_them_the_model_is_served_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kv").write_text("in the way")
    spec = ServerSpec(model="chat", cmd=("s",), options={"save_kv": True}, state_folder=tmp_path)
    assert LlamaCpp.prepare(spec) == spec
    assert len(caplog.records) == 1


class NoHttp:
    """Nobody is asked here."""


def test_what_is_never_used_after_a_restore_is_discarded_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = store(tmp_path)
    keep(kept, tmp_path, [1, 2, 3], at=100)
    slots = Slots(Server(SPEC, http=NoHttp(), log=print), kept)  # type: ignore[arg-type]
    (saved,) = kept.newest(1)[0]
    slots.came_back([saved.path.name], slots=2)
    slots.answered(Usage())
    slots.answered(Usage(cached_tokens=0))
    assert saved.path.exists(), "that may have been the other slot"
    slots.answered(Usage(cached_tokens=0))
    slots.answered(Usage(cached_tokens=0))
    assert not saved.path.exists()
    assert len(caplog.records) == 1


def test_one_answer_from_the_cache_proves_it(tmp_path: Path) -> None:
    kept = store(tmp_path)
    keep(kept, tmp_path, [1, 2, 3], at=100)
    slots = Slots(Server(SPEC, http=NoHttp(), log=print), kept)  # type: ignore[arg-type]
    slots.came_back([kept.newest(1)[0][0].path.name], slots=1)
    slots.answered(Usage(cached_tokens=2))
    slots.answered(Usage(cached_tokens=0))
    assert kept.newest(1)[0]
