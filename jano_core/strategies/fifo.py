"""Strict arrival order: no request overtakes another. The yardstick, not a recommendation."""

from __future__ import annotations

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Plan, Serve
from jano_core.scheduler.view import View


class Fifo(Strategy):
    """Most urgent first, then by arrival; swaps whenever the next request asks for it."""

    name = "fifo"

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        free = {instance.model: instance.free for instance in view.instances.values()}
        serve: list[Serve] = []
        for request in sorted(view.queue, key=lambda each: (each.priority, each.arrived)):
            model = request.model
            if free[model] > 0:
                free[model] -= 1
                serve.append(Serve(request.id, model))
                continue
            if view.instances[model].state == "stopped":
                evict = view.evictions(model)
                if evict is None:
                    serve += self._debts(view, {grant.model for grant in serve})
                load = Load(model, evict, why="it is next in line")
                return Plan(serve=tuple(serve), load=(load,))
            break
        return Plan(serve=tuple(serve))

    def _debts(self, view: View, paid: set[str]) -> list[Serve]:
        """What was loaded for somebody serves once before it may go, also when overtaken."""
        return [
            Serve(view.fronts(each.model)[0].id, each.model)
            for each in view.instances.values()
            if each.owes and each.free and each.model not in paid
        ]
