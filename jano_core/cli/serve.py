"""`jano serve`"""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import socket

    from ..app import Jano
    from ..config.schema import ServerTable
    from ..config.secrets import Secrets
    from ..runtime.log_buffer import LogBuffer


@click.command(
    epilog="""\b
Examples:
  jano serve                              with the configuration that is found
  jano serve --config jano.toml --port 0  on a free port, which is logged

\b
SIGHUP reads the configuration again. SIGTERM finishes what runs, within shutdown_grace;
a second one ends it at once."""
)
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--host", help="Listen here instead of server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of server.port; 0: any free.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    help='Write {"url", "pid"} here once requests are answered.',
)
def command(
    config: Path | None, host: str | None, port: int | None, ready_file: Path | None
) -> None:
    """Run the router until SIGTERM or SIGINT."""
    # What is made from here to the first answer stays: nothing to collect. The router goes on.
    gc.disable()
    click.get_current_context().call_on_close(gc.enable)
    import anyio

    from .. import folders
    from ..app import Jano
    from ..config.load import Loaded, load
    from ..plugin.registry import Registry
    from ..sd_notify import Notifier
    from ..server import Router
    from ..sockets import allow_many_connections, inherited, tcp_of

    holder: Loaded | Jano | None = None
    log = _open_log(lambda: holder.secrets if holder else None)
    registry = Registry.discover()
    passed = inherited()
    if passed:
        # Where it listens is the manager's word; the rules for an open address hold all the same.
        host, port = tcp_of(passed)[0].getsockname()[:2]
    read = partial(load, config, registry, host=host, port=port)
    holder = loaded = read()
    server = loaded.config.server
    allow_many_connections()
    sockets = passed or _bound(server)
    if ready_file:
        ready_file.unlink(missing_ok=True)

    @asynccontextmanager
    async def open_house(url: str) -> AsyncIterator[Jano]:
        nonlocal holder
        async with Jano.open(
            loaded,
            registry,
            state_folder=folders.state_folder(),
            memory_folder=folders.memory_folder(next(iter(loaded.files), None)),
            reread=read,
            url=url,
            router_log=log,
        ) as holder:
            yield holder

    async def run() -> None:
        await Router(
            open_house,
            sockets,
            server=server,
            router_file=folders.router_file(),
            ready_file=ready_file,
            inherited=bool(passed),
            notifier=Notifier.from_environment(),
        ).run()

    anyio.run(run, backend_options={"use_uvloop": bool(importlib.util.find_spec("uvloop"))})


def _open_log(known: Callable[[], Secrets | None]) -> LogBuffer:
    """Lines go to stdout and to what is returned, without what is `known`."""
    from ..runtime.log_buffer import LogBuffer
    from ..telemetry import logging

    log = LogBuffer(refresh=logging.settle)

    def redact(text: str) -> str:
        secrets = known()
        return text if secrets is None else secrets.redact(text)

    remove = logging.install(sink=log.add, redact=redact)
    click.get_current_context().call_on_close(remove)
    return log


def _bound(server: ServerTable) -> list[socket.socket]:
    """Where the configuration says that Jano listens. Raises `ListenError`."""
    from ..sockets import listen_tcp, listen_unix

    sockets = [listen_tcp(server.host, server.port)]
    if server.unix_socket:
        sockets.append(listen_unix(Path(server.unix_socket).expanduser()))
    return sockets
