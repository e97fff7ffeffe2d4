"""What an HTTP server alone costs: an application that reads the body and answers two bytes.

    .venv/bin/python -m bench.servers [ROUNDS]

Jano's own server and granian, each on uvloop and on asyncio's loop, granian also with its own
interface (RSGI), and each pinned to one core. All stand at the same time and take turns; medians.
Processor time is per request, of the server's whole process.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvloop
from granian.constants import Interfaces

from jano_core.granian_listener import GranianListener
from jano_core.http1.asgi import Receive, Scope, Send
from jano_core.http1.listener import Listener
from jano_core.sockets import BACKLOG, listen_tcp

from . import meters
from .parties import BUILT, build

PARTIES = tuple(
    f"{server}, {loop}{pinned}"
    for server in ("jano", "granian", "granian RSGI")
    for loop in ("uvloop", "asyncio")
    for pinned in ("", ", one core")
)
CROWDS = (1, 64)
SECONDS = "1"
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """The application."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"{}"})


async def rsgi(scope: Any, protocol: Any) -> None:
    """The same for granian's own interface."""
    await protocol()
    protocol.response_bytes(200, [("content-type", "application/json")], b"{}")


class Rsgi(GranianListener):
    """granian with its own interface in the place of ASGI."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.interface = Interfaces.RSGI


async def serve(server: str) -> None:
    """Print the port, and serve until killed."""
    bound = listen_tcp("127.0.0.1", 0)
    print(bound.getsockname()[1], flush=True)
    if server == "granian RSGI":
        await Rsgi(bound, rsgi, backlog=BACKLOG).serve()
    elif server == "granian":
        await GranianListener(bound, asgi, backlog=BACKLOG).serve()
    else:
        await Listener(bound, asgi).serve()


@contextmanager
def started(party: str) -> Iterator[tuple[int, int]]:
    """Process and port of a party."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", party], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def load(pid: int, port: int, crowd: int) -> tuple[float, float, float]:
    """Microseconds of processor time, p50 and p99 of one round."""
    before = meters.cpu_s(pid)
    command = [BUILT / "load", str(port), "/v1/chat/completions", "m", str(crowd), SECONDS, "0"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    assert found["errors"] == 0, found
    whole = found["whole"]
    spent = (meters.cpu_s(pid) - before) * 1e6 / whole["count"]
    return spent, whole["p50"], whole["p99"]


def measure(rounds: int) -> None:
    """All parties in turn, and a table."""
    build()
    taken: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with ExitStack() as stack:
        standing = {party: stack.enter_context(started(party)) for party in PARTIES}
        for _ in range(rounds + 1):
            for party, (pid, port) in standing.items():
                for crowd in CROWDS:
                    taken.setdefault((party, crowd), []).append(load(pid, port, crowd))
    heads = [f"{crowd}: {what}" for crowd in CROWDS for what in ("processor", "p50", "p99")]
    print("| µs, connections | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for party in PARTIES:
        cells = []
        for crowd in CROWDS:
            columns = zip(*taken[party, crowd][1:], strict=True)  # the first round warms up
            cells += [f"{statistics.median(column):.1f}" for column in columns]
        print(f"| {party} | " + " | ".join(cells) + " |")


def main() -> None:
    """Run as the command line says."""
    word = sys.argv[1] if len(sys.argv) > 1 else "5"
    if word.isdigit():
        measure(int(word))
        return
    server, loop, *pinned = word.split(", ")
    if pinned:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    (uvloop.run if loop == "uvloop" else asyncio.run)(serve(server))


if __name__ == "__main__":
    main()
