"""Which model is asked for after which: callers have habits."""

from __future__ import annotations

WEIGHT = 0.15
"""Of the newest request among those that came after the same model."""
OVERALL_WEIGHT = 0.05
"""The same among all requests; what counts where a model has no followers yet."""
FORGOTTEN = 1e-3
MOST_PUT_OFF = 500
"""Arrivals that are counted in at the latest when there are so many; mostly nobody asks."""

Shares = dict[str, float]


class Sequence:
    """Moving shares of the models among the next requests, given the model of the last one."""

    def __init__(self) -> None:
        self._last = ""
        self._overall: Shares = {}
        self._after: dict[str, Shares] = {}
        self._put_off: list[str] = []

    def arrived(self, model: str) -> None:
        """A request for the model came in."""
        self._put_off.append(model)
        if len(self._put_off) >= MOST_PUT_OFF:
            self._catch_up()

    @property
    def after(self) -> dict[str, Shares]:
        """Model → what was asked for next."""
        self._catch_up()
        return self._after

    def chance(self, model: str) -> float:
        """Of being what the next request is for, 0..1; before any request nobody has one."""
        self._catch_up()
        shares = self._after.get(self._last, {})
        unknown = 1 - sum(shares.values())
        return shares.get(model, 0.0) + unknown * self._overall.get(model, 0.0)

    def _catch_up(self) -> None:
        for model in self._put_off:
            if self._last:
                _count(self._after.setdefault(self._last, {}), model, WEIGHT)
            _count(self._overall, model, OVERALL_WEIGHT)
            self._last = model
        self._put_off.clear()


def _count(shares: Shares, model: str, weight: float) -> None:
    for name in tuple(shares):
        shares[name] *= 1 - weight
        if shares[name] < FORGOTTEN:
            del shares[name]
    shares[model] = shares.get(model, 0.0) + weight
