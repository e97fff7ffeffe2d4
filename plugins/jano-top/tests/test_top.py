"""The screen, drawn from recorded answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from jano_core.cli.group import cli
from jano_core.cli.router import Router
from jano_core.plugin.registry import Registry
from jano_top.command import _look, command
from jano_top.picture import Picture
from jano_top.screen import draw

SINCE = "2026-11-20T10:00:00.000Z"
NOW = datetime.fromisoformat(SINCE).timestamp() + 12
MODEL: dict[str, Any] = {
    "state": "stopped",
    "since": SINCE,
    "inFlight": 0,
    "queued": 0,
    "memory": None,
    "lastError": None,
    "progress": None,
    "note": None,
}
STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "strategy": "headstart",
    "uptimeSeconds": 7500,
    "requestsServedTotal": 12,
    "requestsPerMinute": 3,
    "recentGenTokS": 44.4,
    "tokSByModel": {"chat": 44.4},
    "lastError": {"ts": SINCE, "model": "draw", "message": "exited with status 1\n" * 9},
    "swapCostToday": {"swaps": 3, "avoided": 5, "seconds": 41.25, "day": "2026-11-20"},
    "models": {
        "chat": MODEL | {"state": "ready", "inFlight": 1, "memory": 3 << 30},
        "code": MODEL | {"state": "starting", "queued": 2, "progress": 0.4, "note": "weights"},
        "a-model-with-a-name-of-more-than-thirty-letters": MODEL | {"state": "starting"},
        "draw": MODEL | {"state": "cooling", "lastError": "exited with status 1 " * 9},
    },
}


def queue(waiting: int) -> dict[str, Any]:
    return {
        "waiting": [
            {
                "id": str(place),
                "model": "code",
                "client": "somebody-with-a-long-name",
                "priority": "normal",
                "waited_ms": 1200,
                "position": place,
                "eta_ms": None if place > 2 else 20_000,
            }
            for place in range(1, waiting + 1)
        ]
    }


def drawn(
    waiting: int = 0, *, width: int = 80, height: int = 24, waits: tuple[float, ...] = ()
) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    records = [{"queue_ms": each} for each in (*waits, None)]
    picture = Picture(STATUS, queue(waiting), records)
    with console.capture() as capture:
        console.print(draw("http://127.0.0.1:8082", picture, NOW, height))
    return capture.get().splitlines()


def line_with(lines: list[str], part: str) -> str:
    return next(line for line in lines if part in line)


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits(width: int) -> None:
    assert all(len(line) <= width for line in drawn(20, width=width))


def test_models() -> None:
    lines = drawn()
    assert lines[0] == "jano 1.2.3  http://127.0.0.1:8082  headstart  up 2h05m"
    assert line_with(lines, "chat").split() == ["chat", "ready", "12s", "1", "44.4", "3.0", "GiB"]
    assert line_with(lines, "code").split() == ["code", "starting", "12s", "2"]
    assert any("40%" in line and "weights" in line for line in lines)
    assert any("loading for 12s" in line for line in lines), "a load that tells nothing of itself"
    assert line_with(lines, "draw: ").startswith("draw: exited with status 1 exited")
    assert "nothing waits" in lines


def test_the_queue_takes_the_height_that_is_left() -> None:
    low, high = drawn(30, height=24), drawn(30, height=50)
    assert len(low) <= 24
    assert "code" in line_with(low, "  20s")
    assert any(" more" in line for line in low)
    assert not any(" more" in line for line in high)


def test_waits_and_the_cost_of_swapping() -> None:
    lines = drawn(waits=(1000.0, 2000.0, 3000.0))
    assert "12 served, 3/min, 44.4 tok/s, waits: half under 2.0s, 95% under 2.9s" in lines
    assert "today 3 swaps took 41s, 5 avoided" in lines
    assert not any("waits:" in line for line in drawn(waits=(1000.0,)))


def test_a_router_that_does_not_answer_shows_no_old_figures() -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(_look(Router("http://127.0.0.1:9"), Picture(STATUS, queue(1), []), 24))
    assert "no router answers" in capture.get()
    assert "headstart" not in capture.get()


def test_the_hook_adds_it_to_jano() -> None:
    assert Registry.discover().commands["top"].make() is command
    assert CliRunner().invoke(cli, ["top", "--help"]).exit_code == 0
