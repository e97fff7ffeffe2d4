"""Putting a call in the queue, with what its `X-Jano-…` headers ask for; inert when absent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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


def submit(house: House, call: Call, caller: Caller, destination: Destination) -> Ticket:
    """Make the ticket. A key's priority ceiling holds whatever is asked for; without a header the
    model's own priority counts. Raises `Refused`.
    """
    target = destination.target
    permit(caller, target)
    ceiling = caller.priority_ceiling
    asked = _priority(call.field(b"x-jano-priority") or target.table.priority)
    return house.dispatcher.submit(
        target.model,
        path=call.path,
        method=call.method,
        client=caller.name or call.peer,
        owner=caller.owner,
        priority=asked if asked >= ceiling else Priority(ceiling),
        session=call.field(b"x-jano-session"),
        deadline_s=_seconds(call.field(b"x-jano-deadline")),
        allow_swap=call.field(b"x-jano-no-swap") != "1",
        length=destination.limit,
        stream=destination.stream,
        traceparent=call.field(b"traceparent"),
        tracestate=call.field(b"tracestate"),
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
