"""The configuration as typed structs: one struct is validation, JSON Schema and documentation.

Reading files, merging drop-ins and expanding references is `load.py`; here only shapes and
defaults. Every default is the one that `jano schema` prints.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from ..units import Duration, Size


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables: unknown keys are errors."""


Port = Annotated[int, Meta(ge=0, le=65535)]
PriorityWord = Literal["high", "normal", "low"]
Engine = Literal["jano", "granian"]
"""Which HTTP server: Jano's own, or granian in its place."""


class ServerTable(Table, frozen=True, kw_only=True):
    """`[server]`: where Jano listens and how long it is patient."""

    host: str = "127.0.0.1"
    port: Port = 8082
    unix_socket: str = ""
    engine: Engine = "jano"
    shutdown_grace: Duration = Duration(30)
    max_body: Size = Size(256 * 2**20)
    keepalive: Duration = Duration(15)
    cors_origins: list[str] = field(default_factory=list)
    first_byte_timeout: Duration = Duration(900)
    silence_timeout: Duration = Duration(300)
    total_timeout: Duration = Duration(0)


class SchedulerTable(Table, frozen=True, kw_only=True):
    """`[scheduler]`: which strategy, and how long the queue may grow."""

    strategy: str = "headstart"
    queue_limit: Annotated[int, Meta(ge=1)] = 1000
    max_wait: Duration = Duration(0)
    settings: dict[str, Any] = field(default_factory=dict)


class MemoryTable(Table, frozen=True, kw_only=True):
    """`[memory]`: what fits together; `budget` None = one model at a time."""

    budget: Size | None = None
    rule: str = "budget"
    settings: dict[str, Any] = field(default_factory=dict)


class SwapTable(Table, frozen=True, kw_only=True):
    """`[swap]`: how models are put in and out of memory."""

    command: str | list[str] = ""
    start_timeout: Duration = Duration(180)
    stop_timeout: Duration = Duration(10)
    poll_interval: Duration = Duration(0.02)
    prefetch: bool = False
    failure_limit: Annotated[int, Meta(ge=1)] = 3
    failure_reset: Duration = Duration(300)


class RequestFilter(Table, frozen=True, kw_only=True):
    """`[models.X.request]`: members of the JSON body to remove, set, or set when absent."""

    remove: list[str] = field(default_factory=list)
    set: dict[str, Any] = field(default_factory=dict)
    default: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.remove or self.set or self.default)


class ModelTable(Table, frozen=True, kw_only=True):
    """`[models.X]`: one model, how its server lives, and how requests reach it."""

    backend: str = "openai"
    launch: str = ""
    cmd: str | list[str] = ""
    cmd_stop: str | list[str] = ""
    cwd: str = ""
    env: dict[str, str] = field(default_factory=dict)
    url: str = ""
    unit: str = ""
    label: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """The chosen launcher's own keys."""
    aliases: list[str] = field(default_factory=list)
    upstream_model: str = ""
    health: str = ""
    start_timeout: Duration | None = None
    stop_timeout: Duration | None = None
    first_byte_timeout: Duration | None = None
    silence_timeout: Duration | None = None
    total_timeout: Duration | None = None
    ttl: Duration = Duration(0)
    pinned: bool = False
    preload: bool = False
    resident: bool = False
    memory: Size | None = None
    load_time: Duration | None = None
    parallel: Annotated[int, Meta(ge=1)] | None = None
    priority: PriorityWord = "normal"
    paths: list[str] = field(default_factory=list)
    strip_prefix: bool = False
    listed: bool = True
    name: str = ""
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    loading_state: bool = False
    save_kv: bool = False
    request: RequestFilter = field(default_factory=RequestFilter)
    variants: dict[str, RequestFilter] = field(default_factory=dict)


class AuthTable(Table, frozen=True, kw_only=True):
    """`[auth]`: who may ask."""

    authenticator: str = "none"
    settings: dict[str, Any] = field(default_factory=dict)


class TelemetryTable(Table, frozen=True, kw_only=True):
    """`[telemetry]`: what is kept and exported."""

    usage_records: Annotated[int, Meta(ge=1)] = 500
    capture: Size = Size(0)
    history: bool = True
    otlp: bool = False


class ProfileTable(Table, frozen=True, kw_only=True):
    """`[profiles.X]`: other models behind the same names while the profile is active."""

    description: str = ""
    pins: dict[str, str] = field(default_factory=dict)


class Config(Table, frozen=True, kw_only=True):
    """A whole configuration, the files put together; secrets are still references."""

    server: ServerTable = field(default_factory=ServerTable)
    scheduler: SchedulerTable = field(default_factory=SchedulerTable)
    memory: MemoryTable = field(default_factory=MemoryTable)
    swap: SwapTable = field(default_factory=SwapTable)
    models: dict[str, ModelTable] = field(default_factory=dict)
    auth: AuthTable = field(default_factory=AuthTable)
    telemetry: TelemetryTable = field(default_factory=TelemetryTable)
    profiles: dict[str, ProfileTable] = field(default_factory=dict)
    backends: dict[str, dict[str, Any]] = field(default_factory=dict)
    plugins: dict[str, dict[str, Any]] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
