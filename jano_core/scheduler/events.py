"""What can happen. The shell reports each as soon as it knows, with the time on its own clock."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .policy import Policy
from .types import LOCAL, Model, Request

Outcome = Literal["served", "left", "failed", "cancelled"]


class Event(Struct, frozen=True, tag=True):
    """Base of all events. `at` is monotonic seconds; it never goes back."""

    at: float


class Arrived(Event, frozen=True):
    """A request came in and waits. `ordered`: somebody has a model loaded, and waits as long as
    that takes, whatever the policy's `max_wait`.
    """

    request: Request
    ordered: bool = False


class Left(Event, frozen=True, kw_only=True):
    """The client of a waiting request is gone."""

    request: str


class Finished(Event, frozen=True):
    """A granted request has released its slot.

    `retry` says that its server broke off before the client saw a byte, and `why` how.
    """

    request: str
    outcome: Outcome
    retry: bool = False
    why: str = "broke off"


class Loaded(Event, frozen=True, kw_only=True):
    """A model is ready; its server takes `parallel` requests at once (None: as configured) and
    `memory` bytes (None: not seen).

    Of a model that nobody had loaded it says that its server was found running.
    """

    model: str
    node: str = LOCAL
    parallel: int | None = None
    memory: int | None = None


class LoadFailed(Event, frozen=True, kw_only=True):
    """A model could not be made ready; nothing of it is left running.

    `kept_out`: another one did not make room, which is no failure of this one.
    """

    model: str
    node: str = LOCAL
    message: str = ""
    detail: str = ""
    kept_out: bool = False


class Unloaded(Event, frozen=True, kw_only=True):
    """A model that was told to go is proven gone (`error`: as far as could be proven)."""

    model: str
    node: str = LOCAL
    error: str = ""


class Crashed(Event, frozen=True, kw_only=True):
    """A ready model's server died or hung and is gone."""

    model: str
    node: str = LOCAL
    message: str = ""
    detail: str = ""


class Weighed(Event, frozen=True, kw_only=True):
    """A model was seen to take so many bytes."""

    model: str
    node: str = LOCAL
    memory: int


class Told(Event, frozen=True, kw_only=True):
    """A person wants a model unloaded, pinned, unpinned, or its failures forgiven.

    (To load one is a request for it.)
    """

    action: Literal["unload", "pin", "unpin", "forgive"]
    model: str
    node: str = LOCAL


class Reconfigured(Event, frozen=True, kw_only=True):
    """The configuration was reloaded: these are all models now; `changed` need a new server."""

    models: tuple[Model, ...]
    policy: Policy
    changed: frozenset[str] = frozenset()


class Tick(Event, frozen=True, kw_only=True):
    """The time that `next_deadline()` asked for has come."""


AnyEvent = (
    Arrived
    | Left
    | Finished
    | Loaded
    | LoadFailed
    | Unloaded
    | Crashed
    | Weighed
    | Told
    | Reconfigured
    | Tick
)
