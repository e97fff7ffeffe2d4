"""Strict order, by priority and then by arrival: the yardstick, not a recommendation."""

from __future__ import annotations

from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Load, Plan, Serve
from jano_core.scheduler.view import View


class Fifo(Strategy):
    """Most urgent first, then by arrival; swaps whenever the next request asks for it."""

    name = "fifo"
    eager = True

    def decide(self, view: View) -> Plan:
        """See `Strategy.decide`."""
        free = {instance.model: instance.free for instance in view.instances.values()}
        serve: list[Serve] = []
        for request in sorted(view.queue, key=lambda each: (each.priority, each.arrived)):
            if ready := next((model for model in request.models if free[model] > 0), None):
                free[ready] -= 1
                serve.append(Serve(request.id, ready))
                continue
            states = {model: view.instances[model].state for model in request.models}
            if any(state not in ("stopped", "cooling") for state in states.values()):
                break
            for model, state in states.items():
                if state == "stopped" and (evict := view.evictions(model)) is not None:
                    load = Load(model, evict, why="it is next in line")
                    return Plan(serve=tuple(serve), load=(load,))
            serve += self._debts(view, {grant.model for grant in serve})
            break
        return Plan(serve=tuple(serve))

    def _debts(self, view: View, paid: set[str]) -> list[Serve]:
        """What was loaded for somebody serves once before it may go, also when overtaken."""
        return [
            Serve(view.fronts(each.model)[0].id, each.model)
            for each in view.instances.values()
            if each.owes and each.free and each.model not in paid
        ]
