"""What reading token counts costs: processor time of the usage tap, for a document and a stream.

    python -m bench.tap
    python -m bench.tap . ../before           # beside another version of Jano, in turn

The documents are what the bench's model server answers, with `usage` and without; the stream is as
long as its rows say, and its last event holds `usage`. A chunk of it is one event.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

USED = (
    b'{"id":"bench","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":2,"total_tokens":11}}'
)
UNUSED = USED[: USED.index(b',"usage"')] + b"}"
EVENT = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":'
    b'"chat","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
LAST = (
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":20}}\n\ndata: [DONE]\n\n'
)
SHORT, LONG = 20, 1000
ROWS = (
    "a document with usage",
    "a document without",
    f"a stream of {SHORT}, its result",
    f"a stream of {LONG}, its result",
    "a chunk of a stream",
)
ROUNDS, DOCUMENTS, STREAMS = 15, 4000, 40


def main() -> None:
    """Measure and print a table."""
    from bench.trees import in_turn

    found = in_turn(__file__, __doc__ or "", ROUNDS)
    print(f"| µs | {' | '.join(found)} |")
    print("|---" * (len(found) + 1) + "|")
    for row, name in enumerate(ROWS):
        cells = [cell([each[row] for each in rounds]) for rounds in found.values()]
        print(f"| {name} | {' | '.join(cells)} |")


def work() -> None:
    """In the worker: answer each line with the microseconds of each row."""
    from jano_core.telemetry import tap as module
    from jano_core.telemetry.usage import BUILTIN

    normalizers = tuple(kind() for kind in BUILTIN)
    try:
        from jano_core.telemetry.usage_reader import UsageReader
    except ImportError:  # an older checkout

        def tap(kind: str) -> Any:
            return module.Tap(kind, normalizers, now=time.monotonic)  # type: ignore[call-arg]
    else:
        reader = UsageReader(normalizers)

        def tap(kind: str) -> Any:
            return module.tap(kind, reader, now=time.monotonic)

    for _ in sys.stdin:
        times = [document(tap, text) for text in (USED, UNUSED)]
        streams = [stream(tap, length) for length in (SHORT, LONG)]
        print(json.dumps([*times, *(end for _, end in streams), streams[-1][0]]), flush=True)


def document(tap: Any, text: bytes) -> float:
    """The mean of a whole document that comes in one piece: made, fed and read."""
    began = time.perf_counter_ns()
    for _ in range(DOCUMENTS):
        one = tap("application/json")
        one.feed(text)
        one.result()
    return (time.perf_counter_ns() - began) / DOCUMENTS / 1000


def stream(tap: Any, length: int) -> tuple[float, float]:
    """The means of a chunk, and of the end of a stream of so many."""
    fed = ended = 0
    for _ in range(STREAMS):
        one = tap("text/event-stream")
        began = time.perf_counter_ns()
        for _ in range(length):
            one.feed(EVENT)
        fed += time.perf_counter_ns() - began
        one.feed(LAST)
        began = time.perf_counter_ns()
        one.result()
        ended += time.perf_counter_ns() - began
    return fed / STREAMS / length / 1000, ended / STREAMS / 1000


def cell(times: list[float]) -> str:
    """The median over rounds, and half the distance of the quartiles."""
    low, middle, high = statistics.quantiles(times, n=4)
    return f"{middle:.2f} ± {(high - low) / 2 / middle:.0%}"


if __name__ == "__main__":
    work() if "--worker" in sys.argv else main()
