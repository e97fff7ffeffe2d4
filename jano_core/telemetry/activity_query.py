"""The parameters of `/api/metrics/activity`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf

from msgspec import Struct

from ..errors import Refused

LIMIT = 25
HIGHEST_LIMIT = 999
SORT_KEYS = (
    "id",
    "time",
    "model",
    "req_path",
    "resp_status_code",
    "resp_content_type",
    "cached",
    "prompt",
    "generated",
    "drafted",
    "prompt_speed",
    "gen_speed",
    "duration",
)

Parameters = Mapping[str, Sequence[str]]


class ActivityQuery(Struct, frozen=True, kw_only=True):
    """Which rows, in which order. Times in unix seconds, bounds inclusive; `max_id` 0 = none."""

    page: int = 1
    limit: int = LIMIT
    sort: str = "id"
    order: str = "desc"
    models: frozenset[str] = frozenset()
    start: float = -inf
    end: float = inf
    min_id: int = 0
    max_id: int = 0

    @classmethod
    def parse(cls, parameters: Parameters) -> ActivityQuery:
        """From a query string, parsed; empty values count as left out.

        Raises `Refused("invalid_request")` that names the parameter and what is allowed.
        """
        return cls(
            page=_number(parameters, "page", 1, lowest=1),
            limit=_number(parameters, "limit", LIMIT, lowest=1, highest=HIGHEST_LIMIT),
            sort=_word(parameters, "sort", SORT_KEYS, "id"),
            order=_word(parameters, "order", ("asc", "desc"), "desc"),
            models=frozenset(name for name in parameters.get("model", ()) if name.strip()),
            start=_time(parameters, "start", -inf),
            end=_time(parameters, "end", inf),
            min_id=_number(parameters, "min_id", 0),
            max_id=_number(parameters, "max_id", 0),
        )


def _given(parameters: Parameters, name: str) -> str:
    values = parameters.get(name) or ("",)
    return values[0].strip()


def _number(
    parameters: Parameters, name: str, default: int, *, lowest: int = 0, highest: int | None = None
) -> int:
    if not (text := _given(parameters, name)):
        return default
    if text.isascii() and text.isdigit() and len(text) < 16:
        number = int(text)
        if lowest <= number and (highest is None or number <= highest):
            return number
    span = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
    raise _wrong(name, f"a whole number {span}")


def _word(parameters: Parameters, name: str, allowed: Sequence[str], default: str) -> str:
    word = _given(parameters, name).lower() or default
    if word not in allowed:
        raise _wrong(name, f"one of {', '.join(allowed)}")
    return word


def _time(parameters: Parameters, name: str, default: float) -> float:
    if not (text := _given(parameters, name)):
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _wrong(name, "a time with its zone, such as 2026-11-20T09:30:00Z")
    return moment.timestamp()


def _wrong(name: str, allowed: str) -> Refused:
    return Refused("invalid_request", f"{name} must be {allowed}", param=name)
