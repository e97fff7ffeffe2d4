"""What a simulation showed, in numbers: the objects of `jano simulate --json` and its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ..scheduler.types import Priority
from .simulator import Fate, Run

COUNTS = ("trace", "strategy", "served", "lost", "swaps")
SECONDS = ("swap_s", "mean", "p50", "p95", "p99", "max", "ends_at")


class Waits(Struct, frozen=True, kw_only=True):
    """Requests and their waits in seconds, from arrival to start, over those that were served.

    `lost` were refused, or their clients left first. With nobody served the waits are 0.
    """

    requests: int
    served: int
    lost: int
    mean_wait_s: float
    p95_wait_s: float
    p99_wait_s: float
    max_wait_s: float


class Report(Struct, frozen=True, kw_only=True):
    """One trace under one strategy.

    `swaps` counts every load, the first included; `swap_s` are the seconds of all loads and
    unloads. `makespan_s` is when the last request ended.
    """

    trace: str
    strategy: str
    requests: int
    served: int
    lost: int
    swaps: int
    swap_s: float
    mean_wait_s: float
    p50_wait_s: float
    p95_wait_s: float
    p99_wait_s: float
    max_wait_s: float
    makespan_s: float
    invalid_plans: int
    by_tier: dict[str, Waits]
    by_model: dict[str, Waits]


def measure(run: Run) -> Report:
    """The report of a run."""
    header = run.trace.header
    total, waits = _waits(run.fates), waited(run.fates)
    return Report(
        trace=header.trace,
        strategy=run.strategy,
        requests=total.requests,
        served=total.served,
        lost=total.lost,
        swaps=len(run.loads),
        swap_s=_rounded(run.swap_s),
        mean_wait_s=total.mean_wait_s,
        p50_wait_s=_rounded(percentile(waits, 0.5)),
        p95_wait_s=total.p95_wait_s,
        p99_wait_s=total.p99_wait_s,
        max_wait_s=total.max_wait_s,
        makespan_s=_rounded(max((fate.ended or 0.0 for fate in run.fates), default=0.0)),
        invalid_plans=len(run.invalid_plans),
        by_tier={
            tier.label: _waits(fate for fate in run.fates if fate.call.tier == tier)
            for tier in Priority
        },
        by_model={
            model.name: _waits(fate for fate in run.fates if fate.call.model == model.name)
            for model in header.models
        },
    )


def table(reports: Sequence[Report]) -> str:
    """The reports for people, a line each."""
    rows = [COUNTS + SECONDS, *map(_row, reports)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        words += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(words).rstrip())
    lines += [
        f"{each.strategy} made {each.invalid_plans} invalid plans on {each.trace}"
        for each in reports
        if each.invalid_plans
    ]
    return "\n".join(lines)


def _row(each: Report) -> tuple[str, ...]:
    counts = (each.served, each.lost, each.swaps)
    waits = (each.mean_wait_s, each.p50_wait_s, each.p95_wait_s, each.p99_wait_s, each.max_wait_s)
    seconds = (each.swap_s, *waits, each.makespan_s)
    return each.trace, each.strategy, *map(str, counts), *(f"{time:.1f}" for time in seconds)


def waited(fates: Iterable[Fate]) -> list[float]:
    """The waits of the served, sorted."""
    return sorted(fate.started - fate.arrived for fate in fates if fate.started is not None)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest ranks; 0 of nothing."""
    if not ordered:
        return 0.0
    rank = (len(ordered) - 1) * share
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def _waits(fates: Iterable[Fate]) -> Waits:
    group = list(fates)
    waits = waited(group)
    return Waits(
        requests=len(group),
        served=len(waits),
        lost=len(group) - len(waits),
        mean_wait_s=_rounded(sum(waits) / len(waits) if waits else 0.0),
        p95_wait_s=_rounded(percentile(waits, 0.95)),
        p99_wait_s=_rounded(percentile(waits, 0.99)),
        max_wait_s=_rounded(max(waits, default=0.0)),
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
