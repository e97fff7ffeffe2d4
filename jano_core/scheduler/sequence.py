"""Which model is asked for after which: callers have habits."""

from __future__ import annotations

WEIGHT = 0.15
"""Of the newest request among those that came after the same model."""
OVERALL_WEIGHT = 0.05
"""The same among all requests; what counts where a model has no followers yet."""
FORGOTTEN = 1e-3

Shares = dict[str, float]


class Sequence:
    """Moving shares of the models among the next requests, given the model of the last one."""

    def __init__(self) -> None:
        self._last = ""
        self._overall: Shares = {}
        self.after: dict[str, Shares] = {}
        """Model → what was asked for next."""

    def arrived(self, model: str) -> None:
        """A request for the model came in."""
        if self._last:
            _count(self.after.setdefault(self._last, {}), model, WEIGHT)
        _count(self._overall, model, OVERALL_WEIGHT)
        self._last = model

    def chance(self, model: str) -> float:
        """Of being what the next request is for, 0..1; before any request nobody has one."""
        shares = self.after.get(self._last, {})
        unknown = 1 - sum(shares.values())
        return shares.get(model, 0.0) + unknown * self._overall.get(model, 0.0)


def _count(shares: Shares, model: str, weight: float) -> None:
    for name in tuple(shares):
        shares[name] *= 1 - weight
        if shares[name] < FORGOTTEN:
            del shares[name]
    shares[model] = shares.get(model, 0.0) + weight
