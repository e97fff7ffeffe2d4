"""The original Jano's rule: serve what is loaded; swap only when nobody waits for it."""

from __future__ import annotations

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Plan
from jano_core.scheduler.view import View


class Greedy(Strategy):
    """Best mean wait that a simple rule can have; a rare model may wait long beside a hot one."""

    name = "greedy"
    eager = in_turn = True

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        waiting, load = view.waiting(), list[Load]()
        for request, model in ((each, name) for each in view.heads() for name in each.models):
            if view.instances[model].state != "stopped":
                continue
            if any(each.model in request.models for each in load):
                continue  # it, or what does as well, is on its way
            evict = view.evictions(model, given=load)
            if evict is None or any(other in waiting for other in evict) or (evict and load):
                continue  # one at a time makes room; who needs none is loaded beside it
            why = f"nobody waits for {', '.join(evict)}" if evict else "there is room"
            load.append(Load(model, evict, why=why))
        going = {name for each in load for name in each.evict or ()}
        return Plan(serve=view.fill(skip=going), load=load)
