"""Strategies against greedy on the project's workloads, through the real scheduler.

    python bench/scheduling.py                         # headstart, five seeds
    python bench/scheduling.py --strategy headstart:alpha=6 --seeds 101-110
    python bench/scheduling.py --traces DIR            # traces from files instead
    python bench/scheduling.py --lengths 0.8 --strategy headstart:shortest_first=true

Score: the geometric mean over workloads of the fourth root of cost * macro * p99 * max, each
relative to greedy; below 1 is better. `cost` is the mean wait weighted by priority (4, 1, 1/4),
`macro` the mean of the models' mean waits; a lost request counts 240 s. p99 and max leave out the
low tier. All are averages over the seeds.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from jano_core.plugin.registry import Registry
from jano_core.simulation import workloads
from jano_core.simulation.choose import Chosen, choose
from jano_core.simulation.report import percentile
from jano_core.simulation.simulator import Fate, Run, simulate
from jano_core.simulation.trace import Trace, read

LOST_S = 240.0
WEIGHT = (4.0, 1.0, 0.25)
LEAST = 0.5
"""Seconds below which a difference is not worth a ratio."""


class Score(Struct):
    """What one strategy did to one workload, averaged over its seeds."""

    cost: float
    macro: float
    p99: float
    max: float
    swap_s: float
    high_p95: float
    lost: float
    invalid: float


def main() -> None:
    """Print the table, and the sums that are compared with the targets."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--strategy", nargs="+", default=["headstart"])
    parser.add_argument("--seeds", default="1-5", help="FIRST-LAST")
    parser.add_argument("--traces", type=Path, help="a folder of trace files")
    parser.add_argument("--lengths", type=float, help="tell lengths, wrong by this lognormal sigma")
    options = parser.parse_args()
    traces = _from_files(options.traces) if options.traces else _made(options.seeds)
    if options.lengths is not None:
        traces = {name: [_told(each, options.lengths) for each in traces[name]] for name in traces}
    known = Registry.discover().strategies
    base = _scores(traces, choose("greedy", known))
    for name in options.strategy:
        _print(name, _scores(traces, choose(name, known)), base)


def _from_files(folder: Path) -> dict[str, list[Trace]]:
    found: dict[str, list[Trace]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        trace = read(path)
        found.setdefault(trace.header.trace, []).append(trace)
    return found


def _made(seeds: str) -> dict[str, list[Trace]]:
    first, _, last = seeds.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    return {name: [workloads.make(name, seed) for seed in numbers] for name in workloads.WORKLOADS}


def _told(trace: Trace, sigma: float) -> Trace:
    dice = random.Random(f"{trace.header.trace} {trace.header.seed}")
    calls = [replace(call, tokens=call.s * dice.lognormvariate(0, sigma)) for call in trace.calls]
    return Trace(trace.header, tuple(calls))


def _scores(traces: dict[str, list[Trace]], chosen: Chosen) -> dict[str, Score]:
    return {
        name: _average(_score(simulate(trace, chosen.make())) for trace in each)
        for name, each in traces.items()
    }


def _score(run: Run) -> Score:
    every = [(fate, _wait(fate)) for fate in run.fates]
    weights = sum(WEIGHT[fate.call.tier] for fate, _ in every)
    front = sorted(wait for fate, wait in every if fate.call.tier < 2)
    front = front or sorted(wait for _, wait in every)
    models: dict[str, list[float]] = {}
    for fate, wait in every:
        models.setdefault(fate.call.model, []).append(wait)
    return Score(
        cost=sum(WEIGHT[fate.call.tier] * wait for fate, wait in every) / weights,
        macro=sum(sum(waits) / len(waits) for waits in models.values()) / len(models),
        p99=percentile(front, 0.99),
        max=max(front),
        swap_s=run.swap_s,
        high_p95=percentile(sorted(wait for fate, wait in every if fate.call.tier == 0), 0.95),
        lost=sum(fate.started is None for fate, _ in every),
        invalid=len(run.invalid_plans),
    )


def _wait(fate: Fate) -> float:
    if fate.started is not None:
        return fate.started - fate.arrived
    return max(LOST_S, (fate.ended or 0.0) - fate.arrived)


def _average(scores: Iterable[Score]) -> Score:
    every = list(scores)
    fields = Score.__struct_fields__
    return Score(*(sum(getattr(each, name) for each in every) / len(every) for name in fields))


def _print(name: str, scores: dict[str, Score], base: dict[str, Score]) -> None:
    heads = ("cost", "macro", "p99", "max", "swap_s")
    print(f"{name:12s} {'cost':>16s} {'p99':>16s} {'max':>16s} {'swap s':>18s}  score")
    ratios: dict[str, list[float]] = {head: [] for head in heads}
    for workload, score in scores.items():
        for head in heads:
            ratios[head].append(_ratio(score, base[workload], head))
        cells = [f"{_pair(score, base[workload], head)}" for head in ("cost", "p99", "max")]
        swaps = f"{score.swap_s:6.0f}/{base[workload].swap_s:6.0f} {ratios['swap_s'][-1]:.2f}"
        own = _mean([ratios[head][-1] for head in heads[:4]])
        print(f"{workload:12s} {' '.join(cells)} {swaps}  {own:.3f}")
    total = _mean([_mean(ratios[head]) for head in heads[:4]])
    means = " ".join(f"{head} {_mean(ratios[head]):.3f}" for head in heads)
    lost = sum(score.lost for score in scores.values()) - sum(each.lost for each in base.values())
    invalid = sum(score.invalid for score in scores.values())
    print(f"score {total:.4f}  {means}  worst cost {max(ratios['cost']):.2f}")
    print(f"lost beyond greedy {lost:.1f}  invalid plans {invalid:.0f}")
    for workload, score in scores.items():
        if base[workload].high_p95:
            print(f"high tier p95 of {workload}: {_ratio(score, base[workload], 'high_p95'):.2f}")


def _pair(score: Score, base: Score, head: str) -> str:
    ours, theirs = getattr(score, head), getattr(base, head)
    return f"{ours:5.0f}/{theirs:5.0f} {_ratio(score, base, head):.2f}"


def _ratio(score: Score, base: Score, head: str) -> float:
    return max(getattr(score, head), LEAST) / max(getattr(base, head), LEAST)


def _mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


if __name__ == "__main__":
    main()
