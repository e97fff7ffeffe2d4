"""Putting a call in the queue, with what its `X-Jano-…` headers ask for; inert when absent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from ..errors import Refused
from ..plugin.contracts import Caller
from ..scheduler.types import Priority
from .call import Call
from .destination import Destination
from .house import House

if TYPE_CHECKING:
    from ..config.catalog import Target
    from ..runtime.ticket import Ticket

_PRIORITIES = {priority.label: priority for priority in Priority}
_ASKING = frozenset(
    {
        b"x-jano-priority", b"x-jano-session", b"x-jano-deadline", b"x-jano-no-swap",
        b"traceparent", b"tracestate",
    }
)  # fmt: skip


class Wishes(Struct, frozen=True):
    """What the headers of a call ask for. `priority` None: nothing is said of it."""

    priority: Priority | None = None
    session: str = ""
    deadline_s: float | None = None
    allow_swap: bool = True
    traceparent: str = ""
    tracestate: str = ""

    @classmethod
    def of(cls, call: Call) -> Wishes:
        """Raises `Refused` for what is none of the words or no number."""
        if _ASKING.isdisjoint(call.fields):
            return _NONE
        priority = call.field(b"x-jano-priority")
        return cls(
            _priority(priority) if priority else None,
            call.field(b"x-jano-session"),
            _seconds(call.field(b"x-jano-deadline")),
            call.field(b"x-jano-no-swap") != "1",
            call.field(b"traceparent"),
            call.field(b"tracestate"),
        )


_NONE = Wishes()


def submit(house: House, call: Call, caller: Caller, destination: Destination) -> Ticket:
    """Make the ticket. A key's priority ceiling holds whatever is asked for; without a header the
    model's own priority counts. Raises `Refused`.
    """
    target, ceiling = destination.target, caller.priority_ceiling
    permit(caller, target)
    wishes = Wishes.of(call)
    asked = wishes.priority
    if asked is None:
        asked = _PRIORITIES[target.table.priority]
    return house.dispatcher.submit(
        target.model,
        path=call.path,
        method=call.method,
        client=caller.name or call.peer,
        owner=caller.owner,
        priority=asked if asked >= ceiling else Priority(ceiling),
        session=wishes.session,
        deadline_s=wishes.deadline_s,
        allow_swap=wishes.allow_swap,
        length=destination.limit,
        stream=destination.stream,
        traceparent=wishes.traceparent,
        tracestate=wishes.tracestate,
    )


def permit(caller: Caller, target: Target) -> None:
    """May the caller ask for the model? Raises `Refused`."""
    if caller.models is not None and target.model not in caller.models:
        raise Refused("permission_denied", f"this key does not allow {target.requested!r}")


def _priority(word: str) -> Priority:
    if (priority := _PRIORITIES.get(word.lower())) is not None:
        return priority
    raise Refused("invalid_request", f"X-Jano-Priority is high, normal or low, not {word!r}")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Refused("invalid_request", f"X-Jano-Deadline is a number of seconds, not {text!r}")
    return seconds
