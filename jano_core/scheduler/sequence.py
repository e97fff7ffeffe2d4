"""Which model is asked for after which: callers have habits."""

from __future__ import annotations

WEIGHT = 0.15
"""Of the newest request among those that came after the same model."""
OVERALL_WEIGHT = 0.05
"""The same among all requests; what counts where a model has no followers yet."""
FORGOTTEN = 1e-3
MOST_PUT_OFF = 500
"""Changes of the model that are counted in at the latest when there are so many; mostly nobody
asks.
"""

Shares = dict[str, float]


class Sequence:
    """Moving shares of the models among the next requests, given the model of the last one."""

    def __init__(self) -> None:
        self._last = ""
        self._overall: Shares = {}
        self._after: dict[str, Shares] = {}
        self._put_off: list[tuple[str, int]] = []
        """A model, and how often it was asked for in a row."""
        self._model = ""
        """What was asked for last, and `_times` in a row; not counted in."""
        self._times = 0

    def arrived(self, model: str) -> None:
        """A request for the model came in."""
        if model == self._model:
            self._times += 1
            return
        self._put_off.append((self._model, self._times))
        self._model, self._times = model, 1
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
        self._put_off.append((self._model, self._times))
        self._times = 0
        for model, times in self._put_off:
            if not times:
                continue
            again = times
            if self._last != model:
                if self._last:
                    _count(self._after.setdefault(self._last, {}), model, WEIGHT, 1)
                again -= 1
            if again:
                _count(self._after.setdefault(model, {}), model, WEIGHT, again)
            _count(self._overall, model, OVERALL_WEIGHT, times)
            self._last = model
        self._put_off.clear()


def _count(shares: Shares, model: str, weight: float, times: int) -> None:
    """The model was the next one, so many times in a row."""
    kept = (1 - weight) ** times
    for name in tuple(shares):
        shares[name] *= kept
        if shares[name] < FORGOTTEN:
            del shares[name]
    shares[model] = shares.get(model, 0.0) + 1 - kept
