"""How long answers are likely to be, in tokens: what was asked for, and what was seen."""

from __future__ import annotations

MOST = 1000
"""Pairs of client and model that are remembered."""
WEIGHT = 0.3


class Lengths:
    """A moving average for each client and model."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def expected(self, client: str, model: str, limit: float | None) -> float | None:
        """Tokens of the next answer, `limit` being the most that the request allows; None where
        nothing is known.
        """
        seen = self._seen.get((client, model))
        if seen is None or limit is None:
            return limit if seen is None else seen
        return min(seen, limit)

    def answered(self, client: str, model: str, tokens: int) -> None:
        """An answer had so many tokens."""
        key = client, model
        old = self._seen.pop(key, None)
        if old is not None:
            self._seen[key] = old + WEIGHT * (tokens - old)
            return
        self._seen[key] = tokens
        if len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]
