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
        waiting = view.waiting()
        for model in dict.fromkeys(name for request in view.heads() for name in request.models):
            if view.instances[model].state != "stopped":
                continue
            evict = view.evictions(model)
            if evict is None or any(other in waiting for other in evict):
                continue
            why = f"nobody waits for {', '.join(evict)}" if evict else "there is room"
            return Plan(serve=view.fill(skip=evict), load=[Load(model, evict, why=why)])
        return Plan(serve=view.fill())
