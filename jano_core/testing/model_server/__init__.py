"""A simulated model server: a real HTTP process that behaves like one with a model in it.

It takes its time to load, answers at a token rate with a number of slots, keeps books of what it
was really asked, and can be told to fail in the ways that real servers fail. Used by the demo and
by every test that needs a real process; see `python -m jano_core.testing.model_server --help`.
"""

from __future__ import annotations

import sys


def command(name: str, port: str | int = "${PORT}", **options: object) -> list[str]:
    """The command line that starts one: `command("chat", load=2, parallel=4, ignore_term=True)`.

    Options are those of `--help` with underscores; True stands for a bare switch.
    """
    line = [sys.executable, "-m", __name__, "--name", name, "--port", str(port)]
    for key, value in options.items():
        if value is False or value is None:
            continue
        line.append("--" + key.replace("_", "-"))
        if value is not True:
            line.append(str(value))
    return line
