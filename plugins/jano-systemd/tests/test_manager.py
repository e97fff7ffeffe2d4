"""What systemd says, understood; and its journal, read without loss. The programs are stood in for
by scripts that print what the real ones printed (systemd 252).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest

from jano_core import JanoError
from jano_systemd.journal import Journal
from jano_systemd.manager import Manager, Unit

pytestmark = [pytest.mark.wire, pytest.mark.anyio]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


FAILED = """LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code
MainPID=0
ExecMainCode=1
ExecMainStatus=3
ControlGroup=
Description=Model server chat = a title"""


async def test_a_failed_unit_says_why(programs: Path) -> None:
    program(programs, "systemctl", f"cat <<'END'\n{FAILED}\nEND")
    unit = await Manager("user").show("chat.service")
    assert (unit.up, unit.main_pid, unit.description) == (False, 0, "Model server chat = a title")
    assert unit.why() == (
        "unit chat.service is failed (exit-code); its process exited with status 3"
    )


async def test_a_manager_that_is_not_there_is_an_error_in_words(programs: Path) -> None:
    program(programs, "systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    with pytest.raises(JanoError, match="No medium found"):
        await Manager("user").show("chat.service")


async def test_a_unit_between_two_starts_is_not_up() -> None:
    waiting = Unit(name="chat.service", load="loaded", active="activating", sub="auto-restart")
    assert not waiting.up
    missing = Unit(name="chat.service", load="not-found", active="inactive")
    assert missing.why() == "there is no unit chat.service"


async def test_the_journal_goes_on_where_it_was(programs: Path) -> None:
    entries = [
        {"__CURSOR": "s=1", "MESSAGE": "loading"},
        {"__CURSOR": "s=2", "MESSAGE": [104, 105, 255]},
        {"__CURSOR": "s=3", "MESSAGE": None},
    ]
    lines = "\n".join(map(json.dumps, entries))
    program(
        programs,
        "journalctl",
        f"echo \"$@\" >>{programs}/asked\ncat <<'END'\n-- cursor line\n{lines}\nEND",
    )
    said: list[str] = []
    journal = Journal("chat.service", "user", said.append)
    for _ in range(2):
        with anyio.move_on_after(1):
            await journal.pump()
    asked = (programs / "asked").read_text().splitlines()
    assert said == ["loading\n", "hi\N{REPLACEMENT CHARACTER}\n", "\n"] * 2
    assert "--user-unit=chat.service" in asked[0] and "--since=@" in asked[0]
    assert asked[1].endswith("--after-cursor=s=3 --no-tail")
