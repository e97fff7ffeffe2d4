"""What telemetry costs: processor time of the router and latency, with each part on and off.

    python -m bench.telemetry
    python -m bench.telemetry --rounds 9 --requests 500

One simulated model server, and a Jano for each row of the table, all at once; rounds go through
the rows in turn, so that what else the machine does falls on all of them alike. Processor time is
the router's own (all threads, of which exporting is one), from /proc.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct, field

from jano_core.runtime.ports import free_port
from jano_core.testing.running import RunningJano, running_jano
from tests.telemetry.otlp_receiver import http_receiver

CHUNKS = 1000
ROWS = {
    "off": "history = false",
    "history": "history = true",
    "captures of 64 MiB": 'history = false\ncapture = "64MiB"',
    "OTLP": "history = false\notlp = true",
    "OTLP, receiver gone": "history = false\notlp = true",
    "all": 'history = true\ncapture = "64MiB"\notlp = true',
}


class Measured(Struct):
    """What one row's rounds gave: seconds of processor time, and latencies in seconds."""

    jano: RunningJano
    request_cpu: list[float] = field(default_factory=list)
    stream_cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300, help="short ones, in a round")
    parser.add_argument("--streams", type=int, default=6, help=f"of {CHUNKS} chunks, in a round")
    given = parser.parse_args()
    with ExitStack() as running, tempfile.TemporaryDirectory() as folder:
        backend = running.enter_context(model_server())
        receiver, _ = running.enter_context(http_receiver())
        rows = {}
        for number, (name, keys) in enumerate(ROWS.items()):
            gone = f"http://127.0.0.1:{free_port()}"
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": gone if "gone" in name else receiver}
            config = f'[telemetry]\n{keys}\n[models.chat]\nurl = "{backend}"\nparallel = 8\n'
            jano = running_jano(config, Path(folder, str(number)), env=env)
            rows[name] = Measured(running.enter_context(jano))
            measure(rows[name], 50, 1)
        for row in rows.values():
            row.request_cpu, row.stream_cpu, row.latencies = [], [], []
        before = {name: resident(row.jano) for name, row in rows.items()}
        for _ in range(given.rounds):
            for row in rows.values():
                measure(row, given.requests, given.streams)
        report(rows, before)


def measure(row: Measured, requests: int, streams: int) -> None:
    """A round of short requests, then one of long streams."""
    connection = http.client.HTTPConnection(urlsplit(row.jano.url).netloc)
    before = processor_time(row.jano)
    for _ in range(requests):
        row.latencies.append(ask(connection, tokens=1, stream=False))
    row.request_cpu.append((processor_time(row.jano) - before) / requests)
    before = processor_time(row.jano)
    for _ in range(streams):
        ask(connection, tokens=CHUNKS, stream=True)
    row.stream_cpu.append((processor_time(row.jano) - before) / streams)
    connection.close()


def ask(connection: http.client.HTTPConnection, *, tokens: int, stream: bool) -> float:
    """One request; returns its seconds."""
    body = {"model": "chat", "messages": [], "stream": stream, "simulate": {"tokens": tokens}}
    began = time.perf_counter()
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    response = connection.getresponse()
    response.read()
    assert response.status == 200
    return time.perf_counter() - began


def processor_time(jano: RunningJano) -> float:
    """Seconds that its threads have been on a processor so far."""
    threads = Path(f"/proc/{jano.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def resident(jano: RunningJano) -> float:
    """Memory in MiB."""
    status = Path(f"/proc/{jano.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def model_server() -> Iterator[str]:
    """A simulated server that answers at once; its address."""
    port = free_port()
    command = [sys.executable, "-m", "jano_core.testing.model_server", "--port", str(port)]
    process = subprocess.Popen([*command, "--parallel", "8"], stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def report(rows: dict[str, Measured], before: dict[str, float]) -> None:
    """The table, in Markdown; ratios are to the first row, of medians over rounds."""
    print("| telemetry | CPU a request | | CPU per 1,000 chunks | | p50 | p99 | memory |")
    print("|---|---|---|---|---|---|---|---|")
    base = next(iter(rows.values()))
    for name, row in rows.items():
        cells = [name]
        for mine, its in (
            (row.request_cpu, base.request_cpu),
            (row.stream_cpu, base.stream_cpu),
        ):
            cells.append(f"{statistics.median(mine) * 1e6:,.0f} µs ± {spread(mine):.0%}")
            cells.append(f"{statistics.median(mine) / statistics.median(its):.2f}×")
        ordered = sorted(row.latencies)
        cells += [f"{ordered[len(ordered) * part // 100] * 1e3:.2f} ms" for part in (50, 99)]
        now = resident(row.jano)
        cells.append(f"{now:.0f} MiB, {now - before[name]:+.0f}")
        print(f"| {' | '.join(cells)} |")


def spread(values: list[float]) -> float:
    """Half the distance of the quartiles, relative to the median."""
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / middle


if __name__ == "__main__":
    main()
