"""The scheduler's vocabulary: value types that hold no bytes, no clocks and no handles."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct

LOCAL = "local"
"""The node that is this box."""


class Priority(IntEnum):
    """Lower is more urgent, so that a request sorts by `(priority, arrival)`."""

    HIGH = 0
    NORMAL = 1
    LOW = 2

    @property
    def label(self) -> str:
        """The word of the configuration and of `X-Jano-Priority`."""
        return _LABELS[self]


_LABELS = ("high", "normal", "low")


class State(StrEnum):
    """Where one instance is in its life; the transitions are in `instance.py`."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    ASLEEP = "asleep"
    COOLING = "cooling"


class Model(Struct, frozen=True, kw_only=True):
    """What the scheduler must know of a configured model.

    `memory` is its footprint in bytes, None while unknown. `parallel` is how many requests its
    server takes at once; a backend may report another number when it is ready. `ttl` is in
    seconds, 0 = stays. A `resident` model is always up and takes no part in swapping.
    `load_prior` and `unload_prior` are seconds, used until something was measured.
    """

    name: str
    parallel: int = 1
    memory: int | None = None
    pinned: bool = False
    preload: bool = False
    resident: bool = False
    ttl: float = 0.0
    load_prior: float | None = None
    unload_prior: float = 1.0


class Request(Struct, frozen=True, gc=False):
    """A request as the scheduler sees it, from arrival to grant.

    `models` are the acceptable models, best first. `arrived` and `deadline` are seconds on the
    scheduler's clock; after `deadline` it is refused instead of started. `attempt` counts grants:
    a request whose server died before its client saw a byte is granted a second time. `length` is
    the number of tokens that its answer is expected to have, None while nothing is known.
    """

    id: str
    models: tuple[str, ...]
    arrived: float
    priority: Priority = Priority.NORMAL
    deadline: float | None = None
    allow_swap: bool = True
    owner: str = ""
    client: str = ""
    session: str = ""
    length: float | None = None
    attempt: int = 1

    @property
    def model(self) -> str:
        """The best acceptable model."""
        return self.models[0]


class Stats(Struct, frozen=True):
    """What was measured of a model on a node. Times in seconds, `rate` in arrivals per second.

    `gaps` are the model's last idle gaps (ran dry → next arrival), newest last.
    `measured` tells whether `load_s` was seen or is a prior.
    """

    load_s: float
    unload_s: float
    service_s: float
    rate: float = 0.0
    gaps: tuple[float, ...] = ()
    measured: bool = False


class InstanceView(Struct, frozen=True):
    """One model on one node, as a strategy sees it. Times are on the scheduler's clock."""

    model: str
    node: str
    state: State
    in_flight: int
    slots: int
    served: int
    ready_since: float
    last_used: float
    idle_since: float | None
    pinned: bool
    owes: bool
    """Swapped in for a request that it has not served yet: may not be evicted."""
    leaving: bool
    """It will go, by a person's word or for a model that is loaded already: takes no new requests.
    """

    @property
    def free(self) -> int:
        """Slots that could be granted now."""
        usable = self.state in (State.READY, State.DRAINING) and not self.leaving
        return max(0, self.slots - self.in_flight) if usable else 0


class Serve(Struct, frozen=True):
    """Grant `request` a slot of `model` on `node` (its best model when `model` is empty)."""

    request: str
    model: str = ""
    node: str = LOCAL


class Load(Struct, frozen=True):
    """An intent: load `model` on `node` as soon as every model in `evict` is idle, or at once where
    it may live beside them until then.

    It stands only until the next decision, so a strategy may change its mind while models drain.
    For a model that is loaded already, or with `evict=None` (no way now), it asks for nothing.
    """

    model: str
    evict: tuple[str, ...] | None = ()
    node: str = LOCAL
    why: str = ""


class Reject(Struct, frozen=True):
    """Answer `request` with an error instead of letting it wait."""

    request: str
    status: int = 503
    retry_after_s: float | None = None
    why: str = ""


class Because(Struct, frozen=True):
    """Why a model that is waited for does not get its turn now; for people, see `jano why`.

    `rule` is a word for what decided, `text` says more, with ages and costs in seconds; `behind`
    are the models that keep their place.
    """

    model: str
    rule: str
    text: str = ""
    behind: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """What a strategy wants done now; see `Strategy.decide`.

    `serve` takes request ids or `Serve`, `unload` model names on the local node. `wake_at` asks
    for another decision at that time even if nothing happens. `because` explains what it leaves
    undone, and changes nothing.
    """

    serve: tuple[Serve | str, ...] | list[Serve | str] = ()
    load: tuple[Load, ...] | list[Load] = ()
    unload: tuple[str, ...] | list[str] = ()
    reject: tuple[Reject, ...] | list[Reject] = ()
    wake_at: float | None = None
    because: tuple[Because, ...] | list[Because] = ()
