"""The search order of the contract."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from jano_core.config.find import candidates, drop_ins, find
from jano_core.errors import ConfigError


def test_the_order(tmp_path: Path) -> None:
    named, env_file = tmp_path / "named.toml", tmp_path / "env.toml"
    unit, user = tmp_path / "unit" / "jano.toml", tmp_path / "user" / "jano" / "jano.toml"
    for file in (named, env_file, unit, user):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    env = {
        "JANO_CONFIG": str(env_file),
        "CONFIGURATION_DIRECTORY": str(unit.parent),
        "XDG_CONFIG_HOME": str(tmp_path / "user"),
    }
    assert find(named, env) == named
    assert find(None, env) == env_file
    del env["JANO_CONFIG"]
    assert find(None, env) == unit
    del env["CONFIGURATION_DIRECTORY"]
    assert find(None, env) == user


def test_without_xdg_it_is_dot_config_everywhere() -> None:
    places = [str(place) for place in candidates({"HOME": "/home/ada"})]
    assert places == ["/home/ada/.config/jano/jano.toml", "/etc/jano/jano.toml"]


def test_several_folders_of_systemd() -> None:
    places = [str(place) for place in candidates({"CONFIGURATION_DIRECTORY": "/a:/b"})]
    assert places[:2] == ["/a/jano.toml", "/b/jano.toml"]


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_named_file_must_exist(tmp_path: Path, by_variable: bool) -> None:
    gone = tmp_path / "gone.toml"
    with pytest.raises(ConfigError) as caught:
        find(None if by_variable else gone, {"JANO_CONFIG": str(gone)} if by_variable else {})
    assert str(caught.value) == f"{gone}: there is no such file"


def test_drop_ins_come_in_name_order(tmp_path: Path) -> None:
    folder = tmp_path / "jano.d"
    folder.mkdir()
    for name in ("20-b.toml", "10-a.toml", "notes.txt"):
        (folder / name).touch()
    found = [file.name for file in drop_ins(tmp_path / "jano.toml")]
    assert found == ["10-a.toml", "20-b.toml"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder, not a file"):
        find(tmp_path, {})


def test_a_pipe_will_do(tmp_path: Path) -> None:
    pipe = tmp_path / "jano.toml"
    os.mkfifo(pipe)
    assert find(pipe, {}) == pipe


@pytest.mark.parametrize("named", [False, True])
def test_what_may_not_be_looked_at_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    def refuse(path: Path, **_: bool) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    file = tmp_path / "jano" / "jano.toml"
    with pytest.raises(ConfigError) as caught:
        find(file if named else None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert str(caught.value) == f"{file}: cannot be read: Permission denied"
