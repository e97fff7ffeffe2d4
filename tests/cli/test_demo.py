"""The demo's burst on real processes, faster than people want to watch it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jano_core.cli.demo.burst import EXPECTED, Ask, Outcome, Scene, configuration, run
from jano_core.cli.demo.screen import screen, table
from jano_core.testing.running import running_jano


@pytest.mark.wire
def test_the_burst_costs_one_swap_and_three_in_strict_order(tmp_path: Path) -> None:
    outcomes = {}
    scenes: list[Scene] = []
    for strategy in ("", "fifo"):
        folder = tmp_path / (strategy or "default")
        config = configuration(folder, strategy, load=0.2, rate=200)
        with running_jano(config, folder) as jano:
            outcomes[strategy] = run(jano, folder, scenes.append)
    assert (outcomes[""].order, outcomes[""].swaps) == (EXPECTED, 1)
    assert (outcomes["fifo"].order, outcomes["fifo"].swaps) == (tuple("123456"), 3)
    assert {ask.state for ask in scenes[-1].asks} == {"served"}


def test_the_table_adds_up() -> None:
    lines = list(table(Outcome(EXPECTED, 1, 7.04), Outcome(tuple("123456"), 3, 11.36)))
    assert [line.split() for line in lines[2:]] == [
        ["Jano", *EXPECTED, "1", "7.0"],
        ["strict", "FIFO", *"123456", "3", "11.4"],
        ["saved", "2", "4.4"],
    ]


@pytest.mark.wire
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_the_demo_ends_its_router(tmp_path: Path, number: signal.Signals) -> None:
    """SIGHUP is what closing the terminal sends; to the router alone it would mean: reload."""
    env = os.environ | {"TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [sys.executable, "-m", "jano_core", "demo"],
        stdout=subprocess.DEVNULL,
        env=env,
        # A shell has what it starts in the background ignore SIGINT, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    ready, end = "jano-demo-*/jano/ready.json", time.monotonic() + 30
    while not (found := list(tmp_path.glob(ready))) and time.monotonic() < end:
        time.sleep(0.02)
    router = json.loads(found[0].read_text())["pid"]
    demo.send_signal(number)
    assert demo.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(router, 0)
    assert not list(tmp_path.iterdir())


def test_a_picture_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that the terminal breaks in two would put the next picture below the first."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    asks = [Ask("1", "chat", "waits", "position=3 eta=33s")]
    screen("strict first in, first out")(Scene(7.7, asks, {"chat": "ready", "code": "stopped"}))
    lines = capsys.readouterr().out.replace("\x1b[K", "").splitlines()
    assert [len(line) for line in lines] == [0, 39, 0, 39]
