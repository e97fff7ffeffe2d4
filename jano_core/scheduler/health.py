"""Which models have failed too often to be tried again now."""

from __future__ import annotations

from .failure_budget import FailureBudget


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

    def well_at(self, model: str) -> float:
        """When it may be tried again, at the latest."""
        ends = [
            budget.forgiven_at(model)
            for budget in (self.loads, self.crashes)
            if budget.knows(model)
        ]
        return max(ends, default=0.0) + 0.001  # forgiveness is strictly after the reset time
