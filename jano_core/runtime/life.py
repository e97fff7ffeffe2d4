"""What one life of a model server needs: its launcher and its backend, made anew for each load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from ..plugin.contracts import Backend, Launcher
from ..plugin.server import Http, Server, ServerSpec
from .readiness import ServerHttp


class ServerLife(NamedTuple):
    """What a supervisor needs for one life."""

    server: Server
    launcher: Launcher
    backend: Backend


def new_life(
    spec: ServerSpec,
    launcher: type[Launcher],
    backend: type[Backend],
    *,
    log: Callable[[str], None],
    progress: Callable[[float | None, str], None],
    coming_from: str = "",
    router_url: str = "",
    state_folder: Path | None = None,
    launcher_settings: Struct | None = None,
    backend_settings: Struct | None = None,
    make_http: Callable[[Callable[[], str]], Http] = ServerHttp,
) -> ServerLife:
    """Make a server from its configuration; nothing is started yet.

    `make_http` builds what asks the probes' questions at the URL that it is given as a call.
    """
    spec = backend.prepare(replace(spec, state_folder=state_folder))
    server = Server(
        spec,
        http=make_http(lambda: server.url),
        log=log,
        progress=progress,
        coming_from=coming_from,
        router_url=router_url,
        state_folder=state_folder,
    )
    return ServerLife(
        server, launcher(server, launcher_settings), backend(server, backend_settings)
    )
