"""Versions of Jano side by side: one process for each, which take turns."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def in_turn(script: str, doc: str, rounds: int) -> dict[str, list[Any]]:
    """Tree → what its worker answered, round by round. The command line names the trees.

    A worker is `script --worker` with its tree's Jano; it answers each line that it is sent with a
    line of JSON. It must not need this module, which an older tree has not.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("trees", nargs="*", default=[Path()], type=Path, help="checkouts of Jano")
    workers = {str(tree): _worker(tree, script) for tree in parser.parse_args().trees}
    found: dict[str, list[Any]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, process in workers.items():
            assert process.stdin and process.stdout
            process.stdin.write("go\n")
            process.stdin.flush()
            found[name].append(json.loads(process.stdout.readline()))
    for process in workers.values():
        process.communicate()
    return found


def _worker(tree: Path, script: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    pipe = subprocess.PIPE
    command = [sys.executable, "-P", script, "--worker"]
    return subprocess.Popen(command, env=env, text=True, stdin=pipe, stdout=pipe)
