"""Jano beside a direct connection, nginx, and another router if one is given, in one run.

    .venv/bin/python -m bench.compare [--peer http://127.0.0.1:PORT] [--rounds N] [--pin] [--write]

Every round measures everybody in turn, so that what else the machine does meets all alike. Shown
are medians over the rounds with the spread (half the distance between the quartiles), and how
they stand to nginx. With `--pin` whoever is measured has one processor for itself, and clients and
model server another. `--write` keeps the figures in bench/results.md or, of the pinned,
bench/results-pinned.md. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
from msgspec import Struct

from . import meters
from .machine import describe
from .parties import BUILT, Party, build, parties
from .table import Figures, render
from .waits import idle, starts, swaps

PATH = "/v1/chat/completions"
HERE = Path(__file__).parent


class Times(Struct):
    """Microseconds."""

    count: int
    p50: float
    p90: float
    p99: float


class Outcome(Struct):
    """What the load generator prints."""

    seconds: float
    errors: int
    whole: Times
    first: Times
    age: Times


class Load(Struct, frozen=True):
    """One kind of crowd; `events` and `rate` make it a crowd of readers of streams."""

    name: str
    connections: int
    seconds: float = 1.5
    body: int = 0
    events: int = 0
    rate: float = 0


LOADS = (
    Load("1 connection", 1),
    Load("16 connections", 16),
    Load("64 connections", 64),
    Load("256 connections", 256),
    Load("stream of one event", 1, events=1),
    Load("16 streams at 60/s", 16, events=90, rate=60),
    Load("256 streams at 20/s", 256, events=40, rate=20),
    Load("16 streams at full speed", 16, events=20000),
    Load("body of 1 MiB", 1, body=2**20),
    Load("body of 10 MiB", 1, body=10 * 2**20),
)


def run(load: Load, party: Party, figures: Figures) -> None:
    """One load on one party."""
    command = [str(BUILT / "load"), str(party.port), PATH, "m"]
    command += [str(load.connections), str(load.seconds), str(load.body)]
    if load.events:
        command += [str(load.events), str(load.rate)]
    before = meters.cpu_s(party.pid) if party.pid else 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        memory = 0.0
        if load.connections == 256 and load.events and party.pid:
            try:
                process.wait(load.seconds * 0.8)
            except subprocess.TimeoutExpired:
                memory = meters.memory_mib(party.pid)
        assert process.stdout
        found = msgspec.json.decode(process.stdout.read(), type=Outcome)
    spent = (meters.cpu_s(party.pid) - before) * 1e6 if party.pid else 0.0

    def note(measure: str, value: float) -> None:
        figures[f"{load.name}: {measure}"][party.name].append(value)

    if found.errors:
        note("errors", found.errors)
    if not load.events:
        if load.connections > 1:
            note("requests per second", found.whole.count / found.seconds)
        note("p50 µs", found.whole.p50)
        note("p99 µs", found.whole.p99)
        if spent and found.whole.count:
            note("CPU µs per request", spent / found.whole.count)
    elif load.events == 1:
        note("first byte p50 µs", found.first.p50)
        note("first byte p99 µs", found.first.p99)
    elif load.rate:
        note("age of an event p50 µs", found.age.p50)
        note("age of an event p99 µs", found.age.p99)
        if spent and found.age.count:
            note("CPU ms per 1000 events", spent / found.age.count)
        if memory:
            note("memory MiB", memory)
    else:
        note("events per second", found.age.count / found.seconds)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    build()
    ours, theirs, *_ = sorted(os.sched_getaffinity(0))
    if arguments.pin:
        os.sched_setaffinity(0, {ours})  # and whatever is started from now on
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder, parties(Path(folder), arguments.peer) as all_:
        for party in all_:
            if arguments.pin:
                for thread in meters.threads(party.pid):
                    os.sched_setaffinity(thread, {theirs})
            elif party.pid:
                idle(party, figures)
            run(Load("warm", 16, seconds=1), party, defaultdict(lambda: defaultdict(list)))
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", flush=True)
            for load in LOADS:
                for party in all_:
                    run(load, party, figures)
    if not arguments.pin:
        with tempfile.TemporaryDirectory() as folder:
            starts(Path(folder), arguments.rounds, figures)
            swaps(Path(folder), arguments.rounds, figures)
    text = f"{describe()}\n\n{render(figures)}"
    print(text)
    if arguments.write:
        name, how = ("results-pinned", " PIN=1") if arguments.pin else ("results", "")
        (HERE / f"{name}.md").write_text(f"# Results of `make bench{how}`\n\n{text}")


if __name__ == "__main__":
    main()
