"""What the simulated server can be told on its command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

_EPILOG = """\
single requests:
  A JSON body may hold "simulate": {"tokens", "rate", "first_token", "status", "hang",
  "silence_after", "die_mid_stream"}; it overrides the options for that request alone.

examples:
  a server that loads for two seconds and serves four requests at once
    python -m jano_core.testing.model_server --name chat --port 9001 --load 2 --parallel 4
  one that holds 200 MB, generates 30 tokens a second and dies in the middle of a stream
    python -m jano_core.testing.model_server --port 9001 --memory 200000000 --rate 30 \\
        --die-mid-stream
  one that keeps books of everything it was asked
    python -m jano_core.testing.model_server --port 9001 --book /tmp/books.jsonl
"""


class Options(argparse.Namespace):
    """The parsed command line; times in seconds, rates in tokens per second, sizes in bytes."""

    name: str
    host: str
    port: int
    book: str
    load: float
    memory: int
    parallel: int
    tokens: int
    rate: float
    first_token: float
    stop_delay: float
    ignore_term: bool
    fail_load: int | None
    never_ready: bool
    lie_ready: bool
    bind_late: bool
    foreign: bool
    wrap: bool
    die_after: int
    die_mid_stream: bool
    hang: bool
    silence_after: int
    fail_rate: float


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line (`sys.argv` when None); exits with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m jano_core.testing.model_server",
        description="A simulated model server: OpenAI, Anthropic and llama.cpp shapes over HTTP.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model(parser.add_argument_group("the model").add_argument)
    _add_life(parser.add_argument_group("load and stop").add_argument)
    _add_failures(parser.add_argument_group("failures").add_argument)
    return parser.parse_args(arguments, Options())


def _add_model(add: Any) -> None:
    add("--name", default="sim", help="the model's name, in every answer")
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8080, help="0: a free one, printed on standard output")
    add("--book", default="", metavar="FILE", help="append a JSON line for all that happens")
    add("--parallel", type=int, default=1, metavar="N", help="slots; further requests wait")
    add("--tokens", type=int, default=16, metavar="N", help="length of an answer")
    add("--rate", type=float, default=0, metavar="N", help="tokens a second; 0: no waiting")
    add("--first-token", type=float, default=0, metavar="S", help="seconds before the first")
    add("--memory", type=int, default=0, metavar="BYTES", help="really hold so much memory")


def _add_life(add: Any) -> None:
    add("--load", type=float, default=0, metavar="S", help="seconds until ready (503 until then)")
    add("--bind-late", action="store_true", help="open the port only when ready")
    add("--stop-delay", type=float, default=0, metavar="S", help="seconds from SIGTERM to exit")
    add("--ignore-term", action="store_true", help="only SIGKILL ends it")
    add("--wrap", action="store_true", help="serve from a child process, as a wrapper script does")


def _add_failures(add: Any) -> None:
    add("--fail-load", type=int, metavar="CODE", help="exit with CODE when the load time is over")
    add("--never-ready", action="store_true", help="stay in loading for ever")
    add("--lie-ready", action="store_true", help="health says 200 during the load, work gets 503")
    add("--foreign", action="store_true", help="never open the port: it is somebody else's")
    add("--die-after", type=int, default=0, metavar="N", help="die after N answers")
    add("--die-mid-stream", action="store_true", help="die after half of a streamed answer")
    add("--hang", action="store_true", help="take requests and never answer; health stays good")
    add("--silence-after", type=int, default=0, metavar="N", help="fall silent after N tokens")
    add("--fail-rate", type=float, default=0, metavar="SHARE", help="share answered with 500")
