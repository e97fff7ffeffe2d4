"""Numbers as model servers report them, or None where there is none to be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeGuard

_NUMBER = (int, float)
MOST = 10**12
"""Above this a number is a mistake of the server's; sums and means of such would overflow."""
_COUNTS = range(MOST + 1)


def count(value: object) -> int | None:
    """A number of tokens: not negative, and not beyond belief."""
    if type(value) is int:  # nearly always: the rest takes five times as long
        return value if value in _COUNTS else None
    if value is None:
        return None
    return int(value) if _finite(value) and 0 <= value <= MOST else None


def rate(value: object) -> float | None:
    """Tokens per second: above zero, and not beyond belief."""
    if value is None:
        return None
    return float(value) if _finite(value) and 0 < value <= MOST else None


def per_second(tokens: int | None, nanoseconds: object) -> float | None:
    """The rate of `tokens` in a time that was measured."""
    if tokens is None or (duration := rate(nanoseconds)) is None:
        return None
    return rate(tokens / (duration / 1e9))


def member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`; empty where it is missing or something else."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def total(*parts: int | None) -> int | None:
    """The sum of those that are known, None if none is."""
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and isfinite(value)
