"""What the shell must do. It executes commands in order and answers later with events."""

from __future__ import annotations

from msgspec import Struct

from .types import LOCAL


class Command(Struct, frozen=True, kw_only=True, tag=True):
    """Base of all commands."""


class Grant(Command, frozen=True):
    """Let the request run on the instance now. `swap_s`: seconds of its wait that were a swap."""

    request: str
    model: str
    node: str = LOCAL
    attempt: int = 1
    queue_s: float = 0.0
    swap_s: float = 0.0


class Refuse(Command, frozen=True, kw_only=True):
    """Answer the waiting request with the contract's error `code`."""

    request: str
    code: str
    message: str
    status: int = 0
    retry_after: float | None = None
    should_retry: bool | None = None
    detail: str = ""
    loaded: tuple[str, ...] = ()


class Load(Command, frozen=True, kw_only=True):
    """Start the model; answered by `Loaded` or `LoadFailed`."""

    model: str
    node: str = LOCAL
    swap: int
    """Number of the swap that this load completes."""


class Unload(Command, frozen=True, kw_only=True):
    """Put the model away, also in the middle of its load; answered by `Unloaded`."""

    model: str
    node: str = LOCAL
    swap: int | None = None


class Note(Command, frozen=True, kw_only=True):
    """Something worth telling: becomes a fact; needs no action.

    `kind`: `state` (an instance is in `state` now), `swap_started`, `swap_ready`, `swap_failed`,
    `swap_cancelled`, `awaited` (the model comes next, when others have drained for it), `forgone`
    (it does not come next any more), `requeued`, `strategy_fell_back`, `decision` (by `rule`, why
    those wait who wait for the model; `requests` are before them). `phases` are the seconds that a
    swap spent in draining, stopping and starting; otherwise `requests` are those that wait for its
    target now.
    """

    kind: str
    model: str = ""
    node: str = LOCAL
    text: str = ""
    state: str = ""
    rule: str = ""
    swap: int | None = None
    coming_from: str = ""
    requests: tuple[str, ...] = ()
    evicted: tuple[str, ...] = ()
    phases: tuple[float, float, float] | None = None


AnyCommand = Grant | Refuse | Load | Unload | Note
