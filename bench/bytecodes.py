"""How many bytecodes of Python a small request takes, and where: a count, which no noise touches.

    .venv/bin/python -m bench.bytecodes [ROWS]
    .venv/bin/python -m bench.bytecodes --event [ROWS]      an event of a stream, instead

One client, one model server, and between them Jano's own server and house, all in this process.
What C does (the loop, the parser, JSON, sockets) is not counted.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop

import jano_core
from jano_core.app import Jano
from jano_core.config.load import load
from jano_core.http1.listener import Listener
from jano_core.plugin.registry import Registry
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.sockets import listen_tcp
from jano_core.telemetry import logging as lines

from .parties import BUILT, CONFIG, build, free_port, process

ROOT = Path(jano_core.__file__).parent
BODY = b'{"model":"m","messages":[{"role":"user","content":"How many are there?"}]}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
REQUEST += b"content-type: application/json\r\ncontent-length: %d\r\n" % len(BODY)
WARM, COUNTED = 300, 50
EVENTS, RATE = 100, 500

Place = tuple[str, str]
"""File and function."""


@contextmanager
def counted(found: Counter[Place], frames: Counter[Place]) -> Iterator[None]:
    """Count the bytecodes of the package, and how often each function is entered or resumed."""

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        path = Path(frame.f_code.co_filename)
        if ROOT not in path.parents:
            return None
        place = str(path.relative_to(ROOT)), frame.f_code.co_name
        frames[place] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def step(frame: FrameType, event: str, argument: object) -> Any:
            if event == "opcode":
                found[place] += 1
            return step

        return step

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(None)


async def ask(port: int, times: int) -> None:
    """One request after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(REQUEST + b"\r\n" + BODY)
        head = await reader.readuntil(b"\r\n\r\n")
        size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(size))
    writer.close()


async def read_stream(port: int, found: Counter[Place], frames: Counter[Place]) -> None:
    """Of a stream, all that lies between its first events and its last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = BODY.replace(b'"m"', b'"m","stream":true')
    wish = b"x-bench: %d %d\r\n" % (EVENTS + 20, RATE)
    length = b"length: %d\r\n"
    writer.write(REQUEST.replace(length % len(BODY), length % len(body)) + wish + b"\r\n" + body)
    for _ in range(10):
        await reader.readuntil(b"data:")
    with counted(found, frames):
        for _ in range(EVENTS):
            await reader.readuntil(b"data:")
    await reader.readuntil(b"0\r\n\r\n")
    writer.close()


async def measure(backend: int, folder: Path, event: bool) -> tuple[Counter[Place], Counter[Place]]:
    """The counts of `COUNTED` requests or of `EVENTS` events, with all defaults."""
    config = folder / "jano.toml"
    config.write_text(CONFIG.format(port=backend))
    log = LogBuffer()
    lines.install(stream=io.StringIO(), sink=log.add)
    registry = Registry.discover()
    async with Jano.open(load(config, registry), registry, router_log=log) as jano:
        bound = listen_tcp("127.0.0.1", 0)
        port = bound.getsockname()[1]
        listener = Listener(bound, jano.asgi)
        serving = asyncio.create_task(listener.serve())
        await ask(port, WARM)
        found: Counter[Place] = Counter()
        frames: Counter[Place] = Counter()
        if event:
            await read_stream(port, found, frames)
        else:
            with counted(found, frames):
                await ask(port, COUNTED)
        listener.stop()
        await serving
    return found, frames


def main() -> None:
    """Print the packages, and the functions that take most."""
    words = sys.argv[1:]
    if event := "--event" in words:
        words.remove("--event")
    rows = int(words[0]) if words else 15
    what, times = ("an event", EVENTS) if event else ("a request", COUNTED)
    build()
    backend = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        process([BUILT / "backend", str(backend)], backend),
    ):
        found, frames = uvloop.run(measure(backend, Path(folder), event))
    total, entered = found.total() / times, frames.total() / times
    print(f"{total:.0f} bytecodes {what}, in {entered:.0f} frames\n")
    packages: Counter[str] = Counter()
    for (file, _), count in found.items():
        packages[file.partition("/")[0]] += count
    print("| package | bytecodes |\n|---|---|")
    for package, count in packages.most_common():
        print(f"| {package} | {count / times:.0f} |")
    print("\n| function | bytecodes | frames |\n|---|---|---|")
    for (file, name), count in found.most_common(rows):
        print(f"| {file} {name} | {count / times:.0f} | {frames[file, name] / times:.0f} |")


if __name__ == "__main__":
    main()
