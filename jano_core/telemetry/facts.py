"""Everything that happens, as typed facts on one stream (the only source of every number).

The dispatcher and the supervisors emit; ledger, metrics, feed, log and traces only listen.
Each fact has `at`, unix seconds. Durations were measured on the monotonic clock. None = not seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio
from msgspec import Struct

from ..plugin.contracts import Usage
from ..scheduler.types import LOCAL

log = logging.getLogger("jano.facts")


class Fact(Struct, frozen=True, tag=True, tag_field="fact", gc=False):
    """Base of all facts. Thousands are kept; none can be part of a cycle, so that Python's
    collector need not walk through them. Those of every request are made by position, for names
    take several times as long.
    """

    at: float


class RequestQueued(Fact, frozen=True):
    """A request for a model was accepted.

    `traceparent` and `tracestate` are the caller's W3C trace context as it came.
    """

    id: str
    model: str
    path: str = ""
    method: str = ""
    client: str = ""
    session: str = ""
    priority: str = "normal"
    stream: bool = False
    resident: bool = False
    traceparent: str = ""
    tracestate: str = ""


class RequestWaits(Fact, frozen=True):
    """It could not be granted as it came. Told before anything that follows from its coming."""

    id: str
    model: str
    resident: bool = False


class RequestGranted(Fact, frozen=True):
    """It has a slot and goes to the model server at `url`. `queue_ms` counts from its arrival;
    `eta_ms` is what was expected of it then, None where nothing was.
    """

    id: str
    model: str
    node: str = LOCAL
    attempt: int = 1
    queue_ms: float = 0.0
    swap_ms: float = 0.0
    eta_ms: float | None = None
    url: str = ""
    resident: bool = False


class RequestRequeued(Fact, frozen=True, kw_only=True):
    """Its server broke off before the client saw a byte; it is the next of its model again."""

    id: str
    model: str
    why: str = ""


class RequestFirstByte(Fact, frozen=True):
    """The first byte of the server's body passed to the client, `ms` after the grant."""

    id: str
    model: str
    ms: float


class RequestEnded(Fact, frozen=True):
    """The end of a request, whatever became of it.

    `outcome`: `served` (an answer of any status was passed on whole), `refused` (by Jano),
    `left` (client gone, status 499), `failed` (server broke off), `cancelled` (by a person).
    `queue_ms`/`swap_ms`: time until granted, and how much of it was a swap.
    `ttfb_ms`: grant → first body byte. `total_ms`: arrival → end. `code`: Jano's error code.
    `content_type`: the answer's, empty where none came from the server. `fails`: of a request that
    was refused because its model failed too often, how often.
    """

    id: str
    model: str
    outcome: str
    status: int
    total_ms: float
    queue_ms: float | None = None
    swap_ms: float | None = None
    ttfb_ms: float | None = None
    usage: Usage | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    client: str = ""
    session: str = ""
    priority: str = "normal"
    path: str = ""
    code: str = ""
    error: str = ""
    attempt: int = 1
    resident: bool = False
    content_type: str = ""
    fails: int = 0


class InstanceChanged(Fact, frozen=True, kw_only=True):
    """An instance went into another state."""

    model: str
    node: str = LOCAL
    state: str
    why: str = ""
    resident: bool = False


class SwapStarted(Fact, frozen=True, kw_only=True):
    """A model is to be loaded, `evict` put away before; `requests` wait for it now."""

    swap: int
    model: str
    node: str = LOCAL
    evict: tuple[str, ...] = ()
    why: str = ""
    requests: tuple[str, ...] = ()


class SwapEnded(Fact, frozen=True, kw_only=True):
    """The swap is over. `outcome`: `ready`, `failed` or `cancelled`.

    `coming_from` is the model most recently in use before. `seconds` = `drain_s` (waiting for
    running requests) + `stop_s` + `start_s`; `ready_s` is the end of `start_s`, when the server
    lived already and was not ready yet. `requests` waited for it when it became ready. `fails`:
    loads of the model that have failed in a row.
    """

    swap: int
    model: str
    node: str = LOCAL
    outcome: str
    coming_from: str = ""
    seconds: float = 0.0
    drain_s: float = 0.0
    stop_s: float = 0.0
    start_s: float = 0.0
    ready_s: float = 0.0
    requests: tuple[str, ...] = ()
    error: str = ""
    fails: int = 0


class ServerStep(Fact, frozen=True, kw_only=True):
    """A step in the life of a model's server took `seconds`, up to now.

    `step`: `start` (its process lives, readiness is awaited), or what a backend does around a
    swap: `sleep`, `wake`, `kv_save`, `kv_restore`.
    """

    model: str
    node: str = LOCAL
    step: str
    seconds: float


class ServerCrashed(Fact, frozen=True, kw_only=True):
    """A ready model server died or hung."""

    model: str
    node: str = LOCAL
    why: str = ""


class LoadProgress(Fact, frozen=True, kw_only=True):
    """How far a load is (0..1, None: unknown), with a note."""

    model: str
    node: str = LOCAL
    fraction: float | None = None
    note: str = ""


class Decided(Fact, frozen=True, kw_only=True):
    """Why those wait who wait for the model: `rule` in one word, `text` with ages and costs.

    Told when it changes. `ahead` are some of the requests that go first, `evicted` the models that
    are put away for it.
    """

    model: str
    rule: str
    text: str = ""
    ahead: tuple[str, ...] = ()
    evicted: tuple[str, ...] = ()


class StrategyFellBack(Fact, frozen=True, kw_only=True):
    """A plan was illegal or raised; greedy decided instead."""

    strategy: str
    why: str


class ConfigReloaded(Fact, frozen=True, kw_only=True):
    """A new configuration is in force."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Listener:
    """Somebody who hears of some kinds of facts and is told of no others."""

    hears: Mapping[type[Fact], Callable[[Any], object]]
    """Kind → what is called with each fact of this kind."""

    def observe(self, fact: Fact) -> None:
        """Take one fact, of any kind."""
        if follow := self.hears.get(type(fact)):
            follow(fact)


class Facts:
    """The stream: whoever subscribes gets every later fact, in order, synchronously."""

    def __init__(self) -> None:
        self._listeners: list[Listener | Callable[[Fact], None]] = []
        self._told = _Told(self._listeners)

    def subscribe(self, listener: Listener | Callable[[Fact], None]) -> Callable[[], None]:
        """Add a listener, or a call that hears of every kind; what is returned removes it again."""

        def remove() -> None:
            self._listeners.remove(listener)
            self._told = _Told(self._listeners)

        self._listeners.append(listener)
        self._told = _Told(self._listeners)
        return remove

    def subscribe_guest(self, listener: Callable[[Fact], None], name: str) -> Callable[[], None]:
        """Add a listener that is not Jano's own: if it raises, the log says so with its `name`,
        and it hears no more, for what it missed would make it wrong.
        """

        def guarded(fact: Fact) -> None:
            try:
                listener(fact)
            except Exception:
                log.exception("%s raised and is told nothing any more", name)
                remove()

        remove = self.subscribe(guarded)
        return remove

    async def next(self) -> None:
        """Return once a fact has come. Between calls nobody listens, and facts cost nothing."""
        news = anyio.Event()
        remove = self.subscribe(lambda fact: news.set())
        try:
            await news.wait()
        finally:
            remove()

    def emit(self, fact: Fact) -> None:
        """Tell everybody who hears of its kind."""
        for follow in self._told[type(fact)]:
            follow(fact)


class _Told(dict[type[Fact], tuple[Callable[[Any], object], ...]]):
    """Kind → whom of `listeners` to call, found out when the first fact of the kind comes."""

    def __init__(self, listeners: Iterable[Listener | Callable[[Fact], None]]) -> None:
        self._listeners = tuple(listeners)

    def __missing__(self, kind: type[Fact]) -> tuple[Callable[[Any], object], ...]:
        calls = (
            each.hears.get(kind) if isinstance(each, Listener) else each for each in self._listeners
        )
        found = self[kind] = tuple(call for call in calls if call is not None)
        return found
