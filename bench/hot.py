"""A model kept hot for a minute, one request for another: how long it waits, on real processes.

.venv/bin/python -m bench.hot [STRATEGY ...]
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import anyio

from tests.house.hot import keep_hot, told

SECONDS, RARE_AT_S = 60.0, 5.0


def main() -> None:
    """One line a strategy; each has the machine to itself."""
    for strategy in sys.argv[1:] or ["headstart", "greedy", "fifo"]:
        with tempfile.TemporaryDirectory() as folder:
            print(
                told(
                    strategy,
                    anyio.run(partial(keep_hot, strategy, SECONDS, RARE_AT_S, Path(folder))),
                )
            )


if __name__ == "__main__":
    main()
