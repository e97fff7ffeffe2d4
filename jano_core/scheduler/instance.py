"""One model on one node, and every transition its state can make. No other file changes a state."""

from __future__ import annotations

from .types import LOCAL, InstanceView, Model, State

S = State

TRANSITIONS: dict[State, dict[str, State]] = {
    S.STOPPED: {"load": S.STARTING, "adopt": S.READY},
    S.STARTING: {
        "loaded": S.READY,
        "failed": S.STOPPED,
        "spent": S.COOLING,
        "unload": S.STOPPING,
    },
    S.READY: {
        "drain": S.DRAINING,
        "unload": S.STOPPING,
        "crashed": S.STOPPED,
        "spent": S.COOLING,
    },
    S.DRAINING: {
        "resume": S.READY,
        "unload": S.STOPPING,
        "crashed": S.STOPPED,
        "spent": S.COOLING,
    },
    S.STOPPING: {"unloaded": S.STOPPED},
    S.COOLING: {"recover": S.STOPPED},
}
"""State → what happens → next state. The diagram in the documentation is drawn from this table."""

NEVER = -1.0

UNLIMITED = 1_000_000
"""Slots of a resident model, which takes no part in queueing."""

TOLD = "told"
"""A person or the configuration wants the instance gone; nothing changes that."""
DISPLACED = "displaced"
"""It goes for another model that is being loaded beside it; it stays if that comes to nothing."""

SERVING = (S.READY, S.DRAINING)
VACANT = (S.STOPPED, S.COOLING)


class Instance:
    """The state of one model on one node, its running requests and its residence in memory."""

    def __init__(self, model: Model, node: str = LOCAL) -> None:
        self.name = model.name
        self.model = model
        self.node = node
        self.state = S.STOPPED
        self.since = 0.0
        self.slots = UNLIMITED if model.resident else model.parallel
        self.pinned = model.pinned
        self.leaving = ""
        """Why it takes no new requests and goes once it is idle: `TOLD`, `DISPLACED`, or empty."""
        self.retired = False
        self.life = 0
        self.in_flight: set[str] = set()
        self.served = 0
        self.owed: frozenset[str] = frozenset()
        self.ready_since = NEVER
        self.load_began = NEVER
        self.swap_began = NEVER
        self.last_used = NEVER
        self.idle_since: float | None = None

    def move(self, signal: str, now: float) -> None:
        """Make the transition `signal`; a missing one is a fault of the scheduler: `KeyError`."""
        self.state = TRANSITIONS[self.state][signal]
        self.since = now

    def begin_life(self, now: float) -> None:
        """A new server is about to start: forget what belonged to the last one."""
        self.life += 1
        self.in_flight = set()
        self.served = 0
        self.owed = frozenset()
        self.leaving = ""
        self.load_began = self.swap_began = now
        self.slots = UNLIMITED if self.model.resident else self.model.parallel

    @property
    def serving(self) -> bool:
        """May run requests that it was granted."""
        return self.state in SERVING

    @property
    def restless(self) -> bool:
        """May time, or an event that is not about it, change its state?"""
        if self.retired or self.leaving or self.state in (S.DRAINING, S.COOLING):
            return True
        if self.model.resident:
            return self.state is S.STOPPED
        return self.model.ttl > 0 and self.state is S.READY and not self.pinned

    def rests(self, now: float) -> bool:
        """Of one that is restless: can it be only its `ttl` that moves it, and not yet?"""
        return (
            self.state is S.READY
            and not (self.retired or self.leaving or self.model.resident)
            and (bool(self.in_flight) or now < self.last_used + self.model.ttl)
        )

    @property
    def free(self) -> int:
        """Slots that could be granted now."""
        return max(0, self.slots - len(self.in_flight)) if self.serving and not self.leaving else 0

    def view(self, owes: bool) -> InstanceView:
        """What a strategy sees of it."""
        return InstanceView(
            model=self.name,
            node=self.node,
            state=self.state,
            in_flight=len(self.in_flight),
            slots=self.slots,
            served=self.served,
            ready_since=self.ready_since,
            last_used=self.last_used,
            idle_since=self.idle_since,
            pinned=self.pinned or self.model.resident,
            owes=owes,
            leaving=bool(self.leaving),
        )
