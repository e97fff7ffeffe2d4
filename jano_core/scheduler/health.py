"""Which models have failed too often to be tried again now."""

from __future__ import annotations

from .failure_budget import FailureBudget
from .instance import Instance

RESIDENT_PAUSE_S = 5.0


class Health:
    """Two budgets per model: loads that failed, and crashes.

    A load that succeeds forgives the failed ones; crashes are forgiven by an answer that was
    served whole, or else a model that dies on its first request would be loaded for ever.
    """

    def __init__(self, limit: int, reset: float) -> None:
        self.loads = FailureBudget(limit, reset)
        self.crashes = FailureBudget(limit, reset)

    def configure(self, limit: int, reset: float) -> None:
        """Take over new limits; what was counted stays."""
        for budget in (self.loads, self.crashes):
            budget.limit, budget.reset = limit, reset

    def forget(self, model: str) -> None:
        """Its server is another one now."""
        self.loads.succeed(model)
        self.crashes.succeed(model)

    def count(self, model: str, now: float) -> int:
        """Its failures of the kind that it has more of."""
        return max(self.loads.count(model, now), self.crashes.count(model, now))

    def spent(self, model: str, now: float) -> bool:
        """Is it to be left alone?"""
        return self.loads.exceeded(model, now) or self.crashes.exceeded(model, now)

    def rests(self, instance: Instance, now: float) -> bool:
        """Is it still to be left alone, now that it is?"""
        return self.spent(instance.name, now) and now < self.well_at(instance)

    def well_at(self, instance: Instance) -> float:
        """When it may be tried again, at the latest.

        A resident model costs nobody a swap, and its server is often someone else's that starts
        later than Jano: as long as a try is cheap, it is looked for every few seconds.
        """
        model = instance.name
        ends = [
            budget.forgiven_at(model)
            for budget in (self.loads, self.crashes)
            if budget.knows(model)
        ]
        at = max(ends, default=0.0) + 0.001  # forgiveness is strictly after the reset time
        if not instance.model.resident:
            return at
        took = instance.since - instance.load_began
        return min(at, instance.since + RESIDENT_PAUSE_S + 10 * took)
