"""Logs that servers write into files of their own."""

from __future__ import annotations

from pathlib import Path

from jano_core.runtime import file_log
from jano_core.runtime.file_log import FileLog


def test_a_letter_on_the_edge_of_a_step_stays_whole(tmp_path: Path) -> None:
    path, heard = tmp_path / "server.log", list[str]()
    log = FileLog(path, heard.append)
    path.write_bytes(b"a" * (file_log.LARGEST_STEP - 1) + "é".encode())
    log.catch_up()
    log.catch_up()
    assert "".join(heard).endswith("aé")


def test_what_cannot_be_read_is_left(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "server.log", print)
    (tmp_path / "server.log").mkdir()
    log.catch_up()
