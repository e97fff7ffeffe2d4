"""The files by which others find a router, and where they lie."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jano_core import announcement
from jano_core.folders import memory_folder, router_file, state_folder


def test_a_file_is_read_back_while_its_writer_lives(tmp_path: Path) -> None:
    path = tmp_path / "new" / "jano.json"
    announcement.write(path, {"url": "u", "pid": os.getpid()})
    assert announcement.read(path) == {"url": "u", "pid": os.getpid()}
    assert [each.name for each in path.parent.iterdir()] == ["jano.json"]
    announcement.withdraw(path)
    assert announcement.read(path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1073741824}', '{"pid": "x"}'])
def test_what_cannot_be_trusted_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jano.json"
    path.write_text(text)
    assert announcement.read(path) is None


def test_another_routers_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jano.json"
    path.write_text(json.dumps({"url": "u", "pid": os.getppid()}))
    announcement.withdraw(path)
    assert path.exists()


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"STATE_DIRECTORY": "/s/jano:/t", "XDG_STATE_HOME": "/x"}, Path("/s/jano")),
        ({"XDG_STATE_HOME": "/x"}, Path("/x/jano")),
        ({}, Path.home() / ".local/state/jano"),
    ],
)
def test_state_folder(env: dict[str, str], folder: Path) -> None:
    assert state_folder(env) == folder
    assert router_file(env) == folder / "jano.json"


def test_runtime_folder_holds_the_router_file() -> None:
    assert router_file({"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/jano/jano.json")


def test_each_configuration_has_a_memory_of_its_own(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path)}
    one, other = (memory_folder(tmp_path / name, env) for name in ("one.toml", "other.toml"))
    assert one != other
    assert one == memory_folder(tmp_path / "one.toml", env)
    assert memory_folder(tmp_path / os.fsdecode(b"\xff.toml"), env).parent == one.parent
    assert one.is_relative_to(tmp_path / "jano")


def test_a_folder_from_systemd_is_one_router_s_alone(tmp_path: Path) -> None:
    env = {"STATE_DIRECTORY": str(tmp_path)}
    assert memory_folder(tmp_path / "one.toml", env) == tmp_path


def test_another_user_s_router_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    announcement.write(path := tmp_path / "jano.json", {"url": "u", "pid": os.getpid()})
    monkeypatch.setattr(os, "kill", refuse)
    assert announcement.read(path) == {"url": "u", "pid": os.getpid()}


def test_a_file_that_may_not_be_read_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert announcement.read(tmp_path / "jano.json") is None
