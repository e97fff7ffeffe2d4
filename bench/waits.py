"""What people wait for besides requests: the start, a swap. And what an idle router does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from jano_core.testing.running import running_jano

from . import meters
from .parties import BUILT, Party
from .table import Figures

SETTLE_S = 3
"""Until nothing is left to do of the start, and of what was asked to see that it is over."""
IDLE_S = 10
JANO = str(Path(sys.executable).with_name("jano"))


def idle(party: Party, figures: Figures) -> None:
    """Memory and wake-ups of a party that nobody has asked anything yet."""
    time.sleep(SETTLE_S)
    before = meters.wakeups(party.pid)
    time.sleep(IDLE_S)
    rate = (meters.wakeups(party.pid) - before) / IDLE_S
    figures["idle: wake-ups per second"][party.name].append(rate)
    figures["idle: memory MiB"][party.name].append(meters.memory_mib(party.pid))


def starts(folder: Path, rounds: int, figures: Figures) -> None:
    """From exec until requests are answered, with ten models; and `jano --help`."""
    config = folder / "ten.toml"
    config.write_text(
        "".join(f'[models.m{n}]\ncmd = "{BUILT}/backend ${{PORT}}"\n' for n in range(10))
    )
    # As installed: modules are compiled once, not for each start.
    here = {name: value for name, value in os.environ.items() if "DONTWRITE" not in name}
    here |= {f"XDG_{name}": str(folder) for name in ("STATE_HOME", "RUNTIME_DIR")}
    here["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    for number in range(2 * rounds + 1):
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        began = time.perf_counter()
        command = [JANO, "serve", "--config", str(config), "--port", "0", "--ready-file", ready]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=here)
        while not ready.exists():
            time.sleep(0.001)
        answers = (time.perf_counter() - began) * 1000
        process.terminate()
        process.wait()
        began = time.perf_counter()
        subprocess.run([JANO, "--help"], stdout=subprocess.DEVNULL, env=here, check=True)
        if number:
            figures["start: ms until answers"]["jano"].append(answers)
            helped = (time.perf_counter() - began) * 1000
            figures["start: ms of jano --help"]["jano"].append(helped)


def swaps(folder: Path, rounds: int, figures: Figures) -> None:
    """Requests for two models in turn, whose servers need a millisecond to start and to stop:
    what is left is Jano's own part of a swap. In order of arrival, because `headstart` would soon
    learn that each model is wanted again at once, and keep it for a moment.
    """
    models = (f'[models.{name}]\ncmd = "{BUILT}/backend ${{PORT}}"\n' for name in ("one", "two"))
    config = '[scheduler]\nstrategy = "fifo"\n' + "".join(models)
    with running_jano(config, folder) as jano:
        for number in range(4 * rounds + 1):
            model = ("one", "two")[number % 2]
            request = urllib.request.Request(
                f"{jano.url}/v1/chat/completions", f'{{"model":"{model}"}}'.encode()
            )
            began = time.perf_counter()
            with urllib.request.urlopen(request) as answer:
                answer.read()
            if number:  # the first only loads
                spent = (time.perf_counter() - began) * 1000
                figures["swap: ms besides the servers' own"]["jano"].append(spent)
