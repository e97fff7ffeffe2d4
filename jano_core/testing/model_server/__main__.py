"""The process: open the port, load, serve, and stop when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from .book import Book
from .engine import Engine
from .http import Connection
from .options import Options, parse
from .routes import Router


async def serve(options: Options) -> int:
    """Serve until a signal ends it; returns the exit status."""
    book = Book(options.book, options.name)
    engine = Engine(options, book)
    book.enter("start", port=options.port)
    stopping = _listen_for_signals(options)
    try:
        server = None if options.bind_late else await _open(options, Router(engine))
        loading = asyncio.create_task(engine.load())
        if options.bind_late:
            await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
            server = await _open(options, Router(engine))
    except OSError as error:
        print(f"error: cannot listen: {error.strerror or error}", file=sys.stderr, flush=True)
        return 1
    await stopping
    book.enter("stop", active=len(engine.active))
    if server is not None:
        server.close()
    await asyncio.sleep(options.stop_delay)
    return 0


async def _open(options: Options, router: Router) -> asyncio.Server | None:
    if options.foreign:
        return None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(router.handle), options.host, options.port, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    print(f"{options.name}: listening on http://{options.host}:{port}", flush=True)
    return server


def _listen_for_signals(options: Options) -> asyncio.Future[None]:
    """Done at the first SIGTERM or SIGINT; the second ends the process at once."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def told() -> None:
        if options.ignore_term:
            return
        if stopping.done():
            os._exit(1)
        stopping.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return stopping


def main() -> int:
    """Run as the command line says."""
    options = parse()
    if options.wrap:
        inner = [argument for argument in sys.argv[1:] if argument != "--wrap"]
        return subprocess.run([sys.executable, "-m", __package__, *inner], check=False).returncode
    return asyncio.run(serve(options))


if __name__ == "__main__":
    sys.exit(main())
