"""The kinds of thing a plugin can provide. Each is a class with a `name`, which is the word that
the configuration uses, and optionally `Settings`, the schema of its own table.

Strategies and residency rules are pure and live in `jano_core.scheduler`; the kinds here act on
the world. None of them may block the event loop; all of them may be cancelled at any await.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Struct

from ..errors import Refused, UpstreamError
from .server import Server, ServerSpec
from .translation import Listed, Translation

ReleaseLevel = Literal["kv", "sleep", "unload", "stop", "kill"]


class Contract(ABC):
    """Base of the kinds: a name for the configuration and a schema for its settings."""

    name: ClassVar[str]
    Settings: ClassVar[type[Struct] | None] = None


class Launcher(Contract):
    """How a model's server comes to life and dies. One object per life of a server."""

    ends: ClassVar[bool] = True
    """Is the model out of memory once `stop` has returned? Otherwise the backend must release it.
    """

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        self.server = server
        self.settings = settings

    @classmethod
    def check(cls, spec: ServerSpec) -> Iterable[str]:
        """Called when the configuration is read: yields what is wrong with `spec` for this kind."""
        return ()

    @property
    def stays(self) -> bool:
        """Asked when Jano ends: does the server go on without it, to be found by `adopt`? Then it
        is left as it is; otherwise it is released and stopped.
        """
        return False

    async def adopt(self) -> bool:
        """Called once at start-up: is the server running already, so that it can be used?

        On True the object must be in the state that `start` leaves it in.
        """
        return False

    @abstractmethod
    async def start(self) -> None:
        """Bring the server to life and set `server.url`; it need not be ready yet.

        Raises `LoadFailed`. When it raises or is cancelled, nothing may be left running.
        """

    async def verify(self) -> None:
        """Called once after the backend said ready: does our server answer there, no stranger?

        Raises `LoadFailed` that names the stranger.
        """

    @abstractmethod
    async def wait(self) -> str:
        """Return why the server ended by itself, as soon as it has; otherwise wait for ever."""

    @abstractmethod
    async def stop(self) -> None:
        """End the server; on return it is proven gone. Bounded by `spec.stop_timeout` and a fixed
        rest for harder means. Raises `StopFailed` if it could not be ended.
        """

    async def kill(self) -> None:
        """End a server that has crashed or hangs, and whatever it left behind, without grace;
        otherwise as `stop`.
        """
        await self.stop()


class Description(Struct, frozen=True, kw_only=True):
    """What a ready server says of itself; None where it says nothing."""

    parallel: int | None = None
    context: int | None = None
    memory: int | None = None


class Backend(Contract):
    """What a running model server speaks. One object per life of a server.

    Four probes, and never does one stand for another: `alive`, `ready`, `busy`, `resident`.
    """

    health: ClassVar[str] = "/health"
    """Default of the model's `health` key."""

    speaks: ClassVar[frozenset[str]] = frozenset()
    """Names of dialects with calls of their own (`Dialect.calls`) that the server speaks itself."""

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        self.server = server
        self.settings = settings

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """Called before each start: the spec with what this backend adds to the command."""
        return spec

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        """The model name to send to the server; empty = the caller's, untouched."""
        return spec.upstream_model

    @classmethod
    def needs_model(cls, method: str, path: str) -> bool:
        """Does such a call need the model, or only the server? `path` is the server's.

        Asked of calls that name the model by their path. One that needs only the server waits in
        no queue, wakes nothing and keeps nothing awake: a page that is left open, its WebSocket.
        """
        return True

    async def alive(self) -> bool:
        """Does anything answer there?"""
        try:
            await self.server.http.get(self._health_path())
        except UpstreamError:
            return False
        return True

    async def load(self) -> None:
        """Called after `Launcher.start`, before `ready` is polled: ask the server for the model.

        For servers that load at process start there is nothing to do. Raises `LoadFailed`.
        """

    async def ready(self) -> bool:
        """Can the model be served now? Polled; raises `LoadFailed` if it never will be."""
        if self.server.spec.health == "none":
            return True
        try:
            return (await self.server.http.get(self._health_path())).ok
        except UpstreamError:
            return False

    async def describe(self) -> Description:
        """Called once when ready."""
        return Description()

    async def busy(self) -> int | None:
        """Requests the server works on now; None if it does not tell."""
        return None

    async def resident(self) -> Mapping[str, int | None] | None:
        """Models in memory with their bytes; None if it does not tell."""
        return None

    async def release(self) -> None:
        """Called when idle, before `Launcher.stop`: unload over the API, where the server has one
        and outlives its models. Returns when the model is out of memory, by the word of the
        server. Errors are logged and never keep the server from being stopped.
        """

    def _health_path(self) -> str:
        path = self.server.spec.health
        return path if path.startswith("/") else "/"


class Usage(Struct, frozen=True, kw_only=True):
    """What a server reported of one answer. Rates in tokens per second; None = not observed.

    `source` names where the rates come from (`timings`, `ollama`, `clock`, ...).
    """

    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    cached_tokens: int | None = None
    generated_per_second: float | None = None
    prompt_per_second: float | None = None
    source: str | None = None

    def merged(self, later: Usage) -> Usage:
        """Field by field, `later` wins where it has a value."""
        if self == NOTHING:
            return later
        fields = {
            name: new if (new := getattr(later, name)) is not None else getattr(self, name)
            for name in self.__struct_fields__
        }
        return Usage(**fields)


NOTHING = Usage()
"""What a server says that reports nothing."""


class UsageNormalizer(Contract):
    """Reads the JSON documents that pass in an answer. Stateless; one object serves all."""

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Usage in one JSON object (a whole answer or a streamed event), or None. Never raises."""


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks. `name` appears in queue and usage; `consumed` are headers not to be forwarded."""

    name: str = ""
    owner: str = ""
    consumed: frozenset[bytes] = frozenset()
    scopes: frozenset[str] = frozenset({"infer", "manage", "admin"})
    models: frozenset[str] | None = None
    priority_ceiling: int = 0


class Authenticator(Contract):
    """Turns request headers into a caller, or refuses."""

    def __init__(self, settings: Struct | None = None) -> None:
        self.settings = settings

    @abstractmethod
    def admit(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """Raises `Refused("invalid_api_key")` or `Refused("permission_denied")`.

        `headers` have lower-case names; `peer` is the client's address, empty on a unix socket.
        """


class Dialect(Contract):
    """How a wire API shows errors and signs of life. Stateless; one object serves all."""

    prefixes: ClassVar[tuple[str, ...]] = ()
    """Paths that speak this dialect; the longest match of all dialects wins."""

    calls: ClassVar[tuple[str, ...]] = ()
    """POST paths of its own that name a model in a JSON body."""

    pages: ClassVar[Mapping[str, Literal["GET", "POST"]]] = {}
    """Paths of its own that Jano answers itself, with their methods."""

    def translate(self, path: str, body: bytes) -> Translation:
        """One of `calls`, for a server that does not speak this dialect. Raises `Refused`."""
        raise NotImplementedError

    def adjust(self, path: str, body: bytes) -> bytes:
        """One of `calls`, for a server that speaks it: without what would upset Jano's plans.

        Raises `Refused`.
        """
        return body

    def page(self, path: str, models: Sequence[Listed], body: bytes) -> object:
        """The JSON value of one of `pages`; `models` are those that the caller may ask for.

        Raises `Refused`.
        """
        raise NotImplementedError

    @abstractmethod
    def error(self, refused: Refused) -> bytes:
        """The JSON body of an error."""

    def status(self, refused: Refused) -> int:
        """The HTTP status of an error."""
        return refused.status

    @abstractmethod
    def stream_error(self, refused: Refused) -> bytes:
        """The last event of a stream whose head is out."""

    @abstractmethod
    def keepalive(self, text: str) -> bytes:
        """A sign of life for a waiting or silent stream; clients must ignore it."""

    def loading(self, text: str, model: str) -> bytes | None:
        """A visible chunk about loading (`loading_state`), or None where there is no such thing."""
        return None


class Observer(Contract):
    """Gets every fact, in order, on the event loop; must be quick and may not raise."""

    @abstractmethod
    def observe(self, fact: Any) -> None:
        """Called for each `jano_core.telemetry.facts.Fact`."""
