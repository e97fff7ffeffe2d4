"""The model server that a launcher brings to life and a backend speaks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field


class ServerSpec(Struct, frozen=True, kw_only=True):
    """What the configuration says of one model's server. Times in seconds.

    `cmd`, `cmd_stop` and `url` may hold `${PORT}`, `${MODEL}` and (in `cmd_stop`) `${PID}`;
    a launcher that picks a port puts it in. `env` is complete: it is all that the process gets.
    `own_env` is the part of it that the model's table says, for servers that are no children of
    Jano's and have an environment already. `health` is a path, or `"none"` for a server that is
    ready as soon as it runs.
    `options` are the keys of the model's table that belong to launchers and backends
    (`unit`, `label`, `save_kv`, ...), by name.
    """

    model: str
    cmd: tuple[str, ...] = ()
    cmd_stop: tuple[str, ...] = ()
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    own_env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    health: str = "/health"
    start_timeout: float = 180.0
    stop_timeout: float = 10.0
    upstream_model: str = ""
    parallel: int | None = None
    memory: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    state_folder: Path | None = None
    """Where Jano keeps what outlives it, and a backend may as well (None: nowhere)."""

    @property
    def own(self) -> bool:
        """Is there a server for this model, started with it (by `cmd`, a unit or a job)? Otherwise
        one runs anyway, and is asked for the model.
        """
        return bool(self.cmd or self.options.get("unit") or self.options.get("label"))


class Reply(Struct, frozen=True):
    """A short answer of a model server to a probe."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Any 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body, or None where it is empty or not JSON."""
        import msgspec

        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


class Http(Protocol):
    """Short, bounded requests to one model server, for probes and control calls.

    `headers` go with each of them: a backend puts the server's own key there.
    """

    headers: dict[str, str]

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        """GET `path`; raises `UpstreamError` where no whole answer comes in `timeout` seconds."""
        ...

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        """POST `body` as JSON; raises `UpstreamError` as `get` does."""
        ...


class Server:
    """One life of a model server, shared by its launcher and its backend.

    The runtime makes it before `Launcher.start`. `url` is where it answers (known at the latest
    when `start` returns), `pid` its main process where there is one. `progress`
    is called with a fraction 0..1 (None: unknown) and a note for waiting clients.
    """

    def __init__(
        self,
        spec: ServerSpec,
        *,
        http: Http,
        log: Callable[[str], None],
        progress: Callable[[float | None, str], None] = lambda fraction, note: None,
        coming_from: str = "",
        router_url: str = "",
        state_folder: Path | None = None,
    ) -> None:
        self.spec = spec
        self.url = spec.url
        self.pid: int | None = None
        self.http = http
        self.listeners: list[Callable[[str], None]] = []
        """Called with what `log` is: a backend may learn from its server's output."""
        self._log = log
        self.progress = progress
        self.coming_from = coming_from
        """The model that was last in use before this one is loaded (empty: none)."""
        self.router_url = router_url
        """Where Jano itself answers."""
        self.state_folder = state_folder
        """Where a launcher may keep what must outlive a kill of Jano (None: nowhere)."""

    def log(self, text: str) -> None:
        """Take a piece of the server's output, lines or parts of them, as it comes."""
        self._log(text)
        for each in self.listeners:
            each(text)
