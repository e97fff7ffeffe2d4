"""Machine instructions and cache misses of a small request, in the real router under valgrind's
callgrind: repeatable within a percent, whatever else the machine does.

    .venv/bin/python -m bench.instructions [CONNECTIONS]

The caches are simulated: 32 KiB of each kind, and a second level of 1 MiB. The kernel is not
counted. Under callgrind everything takes fifty times as long, so what happens once a second weighs
more than in life.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from jano_core.telemetry.logging import LAG_S

from .parties import BUILT, CONFIG, build, free_port, process

CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,8,64")
WARM_S, COUNTED_S = 3, 12
PATH, MODEL = "/v1/chat/completions", "m"


def load(port: int, connections: int, seconds: float) -> int:
    """Ask for so long; how many requests were answered."""
    command = [BUILT / "load", str(port), PATH, MODEL, str(connections), str(seconds), "0"]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    count: int = msgspec.json.decode(said)["whole"]["count"]
    return count


def control(pid: int, *order: str) -> None:
    """Have callgrind count, stop counting, or write down what it has."""
    subprocess.run(["callgrind_control", *order, str(pid)], check=True, capture_output=True)


def counted(folder: Path, connections: int) -> tuple[int, dict[str, int]]:
    """Requests that were answered, and the events that they took."""
    backend, port = free_port(), free_port()
    config = folder / "jano.toml"
    config.write_text(CONFIG.format(port=backend) + f"[server]\nport = {port}\n")
    router = ["-m", "jano_core", "serve", "--config", config]
    found = folder / "found"
    under = ["valgrind", "--tool=callgrind", "--cache-sim=yes", *CACHES, "--instr-atstart=no"]
    under += [f"--callgrind-out-file={found}", f"--log-file={folder / 'valgrind'}"]
    with (
        process([BUILT / "backend", str(backend)], backend),
        process([*under, sys.executable, *router], port, patience_s=60, quiet=True) as pid,
    ):
        load(port, connections, WARM_S)
        control(pid, "-i", "on")
        requests = load(port, connections, COUNTED_S)
        time.sleep(2 * LAG_S)
        control(pid, "-i", "off")
        control(pid, "-d")
        text = found.with_name("found.1").read_text(errors="replace")
    names, totals = (re.search(rf"^{word}: (.*)$", text, re.M) for word in ("events", "totals"))
    assert names and totals
    return requests, dict(zip(names[1].split(), map(int, totals[1].split()), strict=False))


def main() -> None:
    """Print what a request takes."""
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    if shutil.which("valgrind") is None:
        sys.exit("bench.instructions needs valgrind (Debian: apt-get install valgrind)")
    build()
    with tempfile.TemporaryDirectory() as folder:
        requests, events = counted(Path(folder), connections)
    first = events["I1mr"] + events["D1mr"] + events["D1mw"]
    second = events["ILmr"] + events["DLmr"] + events["DLmw"]
    print(f"of {requests} requests on {connections} connections, each:")
    print(f"{events['Ir'] / requests:10,.0f} instructions")
    print(f"{first / requests:10,.0f} misses of the first caches")
    print(f"{second / requests:10,.0f} misses of the second")


if __name__ == "__main__":
    main()
