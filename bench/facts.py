"""What the facts of a request cost: processor time of `Facts.emit` with everybody who listens.

    python -m bench.facts
    python -m bench.facts . ../before         # beside another version of Jano, in turn

The four facts of one request (queued, granted, first byte, ended) are told to an observatory as
`jano serve` makes it, without its history on disk; its log lines go to /dev/null and, as words, to
the router's log in memory. After every few requests their lines are written; what that takes is a
request's too. No server, no scheduler: what remains is telemetry's part of a request.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

KINDS = ("queued", "granted", "first byte", "ended", "lines")
STEP = 16
"""Requests whose lines are written together."""
LOGS = ("with its log", "no log")
ROUNDS, REQUESTS = 15, 2000


def main() -> None:
    """Measure and print a table."""
    from bench.trees import in_turn

    found: dict[tuple[str, str], list[list[float]]] = {}
    for name, rounds in in_turn(__file__, __doc__ or "", ROUNDS).items():
        for log in LOGS:
            found[name, log] = [each[log] for each in rounds]
    report(found)


def work() -> None:
    """In the worker: answer each line with the microseconds of each kind, with and without log."""
    import anyio

    async def rounds() -> None:
        houses = {log: house() for log in LOGS}
        for _ in sys.stdin:
            answer = {log: await measure(facts, log == LOGS[0]) for log, facts in houses.items()}
            print(json.dumps(answer), flush=True)

    anyio.run(rounds)


def house() -> Any:
    """The stream of facts of an observatory."""
    from jano_core.clock import Clock
    from jano_core.telemetry.observatory import Observatory

    class Nobody:
        """Where a feed without readers would look."""

        def log_history(self, source: str) -> str:
            return ""

        def model_rows(self) -> list[dict[str, Any]]:
            return []

        def active_profile(self) -> None:
            return None

    return Observatory(
        Clock(),
        Nobody(),
        lambda model: "openai",
        version="0",
        usage_records=500,
        capture=0,
        otlp=False,
        history=None,
    ).facts


async def measure(facts: Any, logged: bool) -> list[float]:
    """One round: the mean microseconds that each kind of fact takes, and the lines."""
    import asyncio
    import logging as library

    from jano_core.config.secrets import Secrets
    from jano_core.runtime.log_buffer import LogBuffer
    from jano_core.telemetry import logging

    spent = [0] * len(KINDS)
    with open(os.devnull, "w") as stream:  # noqa: ASYNC230, PTH123 - blocks nobody
        level = library.INFO if logged else library.CRITICAL
        buffer = LogBuffer()
        sink = getattr(buffer, "add", buffer.write)  # which an older checkout has not
        remove = logging.install(stream=stream, sink=sink, redact=Secrets().redact, level=level)
        for number in range(REQUESTS):
            for index, fact in enumerate(request(str(number))):
                began = time.perf_counter_ns()
                facts.emit(fact)
                spent[index] += time.perf_counter_ns() - began
            if number % STEP == 0:
                began = time.perf_counter_ns()
                if hasattr(logging, "settle"):
                    logging.settle()
                else:  # an older checkout, which writes them in the event loop's next turn
                    await asyncio.sleep(0)
                spent[-1] += time.perf_counter_ns() - began
        remove()
    return [each / REQUESTS / 1000 for each in spent]


def request(id: str) -> tuple[Any, ...]:
    """Its four facts, as a server answers them that reports what it used."""
    from jano_core.plugin.contracts import Usage
    from jano_core.telemetry import facts as f

    at = time.time()
    usage = Usage(prompt_tokens=7, generated_tokens=13, generated_per_second=55.5)
    asked: dict[str, Any] = {"at": at, "id": id, "model": "chat"}
    return (
        f.RequestQueued(**asked, path="/v1/chat/completions", method="POST", client="127.0.0.1"),
        f.RequestGranted(**asked, queue_ms=0.1, eta_ms=0.0, url="http://127.0.0.1:9000"),
        f.RequestFirstByte(**asked, ms=0.5),
        f.RequestEnded(
            **asked,
            outcome="served",
            status=200,
            total_ms=1.0,
            queue_ms=0.1,
            swap_ms=0.0,
            ttfb_ms=0.5,
            usage=usage,
            client="127.0.0.1",
            path="/v1/chat/completions",
        ),
    )


def report(found: dict[tuple[str, str], list[list[float]]]) -> None:
    """The table, in Markdown: medians over rounds, and half the distance of the quartiles."""
    print(f"| µs | {' | '.join(KINDS)} | a request |")
    print("|---" * (len(KINDS) + 2) + "|")
    for (tree, log), rounds in found.items():
        whole = [sum(times) for times in rounds]
        low, middle, high = statistics.quantiles(whole, n=4)
        cells = [f"{statistics.median(times):.1f}" for times in zip(*rounds, strict=True)]
        cells.append(f"{middle:.1f} ± {(high - low) / 2 / middle:.0%}")
        print(f"| {tree}, {log} | {' | '.join(cells)} |")


if __name__ == "__main__":
    work() if "--worker" in sys.argv else main()
