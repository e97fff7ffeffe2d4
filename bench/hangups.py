"""What a crowd that hangs up leaves behind in the router: figures before and after.

    .venv/bin/python -m bench.hangups [ROUNDS]

Each round is a thousand clients over three models that exclude each other; each client hangs up
after up to three seconds, wherever its request is then. Memory grows in the first rounds (pools,
code that is loaded late) and must then stay; everything else must come back to where it was.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import anyio

from jano_core.testing.running import RunningJano, running_jano
from tests.house.crowd import Crowd
from tests.processes import open_files, resident_bytes
from tests.simulated import entries, loads, model_table
from tests.wire_client import ask, until

MODELS = ("chat", "code", "draw")
CLIENTS = 1000


def line(when: str, jano: RunningJano, book: Path) -> None:
    """One row of the table."""
    status = jano.get("/status")
    row = [
        f"{resident_bytes(jano.pid) / 2**20:.1f}",
        str(open_files(jano.pid)),
        str(status["queueDepth"] + status["inFlight"]),
        str(loads(book).total()),
        str(len(entries(book, "end"))),
        str(len(entries(book, "cancelled"))),
    ]
    print(f"{when:>8}" + "".join(f"{cell:>10}" for cell in row), flush=True)


async def rounds(jano: RunningJano, book: Path, count: int) -> None:
    """Print a row before the first round and one after each."""
    heads = ["MiB", "files", "requests", "loads", "served", "cancelled"]
    print(f"{'':>8}" + "".join(f"{head:>10}" for head in heads))
    line("before", jano, book)
    for number in range(1, count + 1):
        await Crowd(MODELS, number).visit(jano.url, CLIENTS, patience=3)
        await until(lambda: idle(jano), "no request is left", 30)
        await ask(jano.url, "/api/models/unload", b"")
        line(f"round {number}", jano, book)


def idle(jano: RunningJano) -> bool:
    """Whether nobody waits and nothing runs."""
    status = jano.get("/status")
    return status["queueDepth"] == 0 and status["inFlight"] == 0


def main() -> None:
    """Run as the command line says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book = folder / "books.jsonl"
        options = "--load 0.2 --tokens 10 --rate 100 --parallel 8"
        config = "".join(model_table(model, book, options, "parallel = 8") for model in MODELS)
        with running_jano(config, folder / "jano") as jano:
            anyio.run(rounds, jano, book, count)


if __name__ == "__main__":
    main()
