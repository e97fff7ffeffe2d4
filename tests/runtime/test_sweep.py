"""The next start ends what a killed Jano left, and nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jano_core.runtime import process_tree, sweep

pytestmark = pytest.mark.wire


@pytest.fixture
def left_over() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child, in a session of its own, as a model server would be."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 300 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True
    )
    yield process
    for pid in process_tree.descendants(process.pid):
        subprocess.run(["kill", "-9", str(pid)], capture_output=True, check=False)
    process.communicate()


def write_down(folder: Path, pid: int, **changes: object) -> Path:
    """A record as a Jano that is gone would have left it, with `changes`."""
    path = sweep.write_down(folder, "chat", pid)
    assert path
    record = json.loads(path.read_bytes())
    record["owner"]["started"] = "0"
    for key, value in changes.items():
        record["server"][key] = value
    path.write_text(json.dumps(record))
    return path


def test_the_whole_session_is_ended(tmp_path: Path, left_over: subprocess.Popen[bytes]) -> None:
    assert left_over.stdout
    child = int(left_over.stdout.readline())
    path = write_down(tmp_path, left_over.pid)
    [line] = sweep.sweep(tmp_path)
    assert "'chat'" in line and str(child) in line
    assert left_over.wait(5) == -9
    assert process_tree.identify(child) is None
    assert not path.exists() and sweep.sweep(tmp_path) == []


def test_children_are_found_when_their_leader_is_gone(
    tmp_path: Path, left_over: subprocess.Popen[bytes]
) -> None:
    assert left_over.stdout
    child = int(left_over.stdout.readline())
    write_down(tmp_path, left_over.pid)
    left_over.kill()
    left_over.wait(5)
    assert sweep.sweep(tmp_path)
    assert process_tree.identify(child) is None


@pytest.mark.parametrize("change", [{"started": "1"}, {"boot": "another"}])
def test_a_number_given_to_somebody_else_is_left_alone(
    tmp_path: Path, left_over: subprocess.Popen[bytes], change: dict[str, str]
) -> None:
    path = write_down(tmp_path, left_over.pid, **change)
    assert sweep.sweep(tmp_path) == []
    assert left_over.poll() is None
    assert not path.exists()


def test_the_servers_of_a_jano_that_lives_are_left_alone(
    tmp_path: Path, left_over: subprocess.Popen[bytes]
) -> None:
    path = sweep.write_down(tmp_path, "chat", left_over.pid)
    assert sweep.sweep(tmp_path) == []
    assert left_over.poll() is None
    assert path and path.exists()


def test_unreadable_records_and_a_missing_folder_are_no_matter(tmp_path: Path) -> None:
    assert sweep.sweep(tmp_path / "none") == []
    (tmp_path / sweep.FOLDER).mkdir()
    (tmp_path / sweep.FOLDER / "7.json").write_text("{")
    (tmp_path / sweep.FOLDER / "8.json").write_bytes(b'{"model": "\xff"}')
    assert sweep.sweep(tmp_path) == []
    assert list((tmp_path / sweep.FOLDER).iterdir()) == []


def test_an_identity_is_of_one_process_only() -> None:
    mine = process_tree.identify(os.getpid())
    assert mine and mine == process_tree.identify(os.getpid())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert process_tree.identify(ended.pid) is None


def test_a_record_that_cannot_be_removed_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / sweep.FOLDER / "7.json").mkdir(parents=True)
    assert sweep.sweep(tmp_path) == []
