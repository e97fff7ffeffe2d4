"""What swapping has cost today, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..units import show_duration
from .text import padded

_ROWS = 20


def in_short(cost: dict[str, Any]) -> str:
    """One line of at most 80 columns."""
    if not cost["swaps"]:
        return "no swap today"
    avoided = "" if cost["avoided"] is None else f", {cost['avoided']} avoided"
    return f"today {_swaps(cost['swaps'])} took {show_duration(cost['seconds'])}{avoided}"


def account(cost: dict[str, Any]) -> Iterator[str]:
    """All of it, in lines of at most 80 columns."""
    yield f"What swapping cost on {cost['day']}, since midnight"
    yield ""
    yield f"{_swaps(cost['swaps'])} took {show_duration(cost['seconds'])}."
    if cost["avoided"] is None:
        yield "How many were avoided cannot be told: several models were in memory together."
    else:
        fifo, avoided = cost["swaps"] + cost["avoided"], cost["avoided"]
        difference = f"{avoided} avoided" if avoided >= 0 else f"{-avoided} fewer"
        yield f"First come, first served would have made {fifo}, by the rule of `jano simulate`:"
        yield f"{difference}."
    if cost["byTransition"]:
        yield ""
        yield f"{'FROM':30}{'TO':30}{'SWAPS':>8}{'TIME':>10}"
    for row in cost["byTransition"][:_ROWS]:
        time = show_duration(row["seconds"])
        yield f"{padded(row['from'], 30)}{padded(row['to'], 30)}{row['swaps']:>8}{time:>10}"
    if cost["byClient"]:
        yield ""
        yield f"{'CLIENT':58}{'REQUESTS':>10}{'WAITED':>10}"
    for row in cost["byClient"][:_ROWS]:
        time = show_duration(row["waitedSeconds"])
        yield f"{padded(row['client'] or '(local)', 58)}{row['requests']:>10}{time:>10}"


def _swaps(number: int) -> str:
    return "1 swap" if number == 1 else f"{number} swaps"
