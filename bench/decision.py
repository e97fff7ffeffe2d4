"""How long one decision takes, and how that grows with the queue.

    python bench/decision.py

Twenty models of which six fit; waiting requests for all of them, and none that may take a place
yet, so that every model is looked at. Each sample is a request that arrives and leaves again: twice
everything that the scheduler does after an event, strategy and checks included; half is printed.
"""

from __future__ import annotations

import random
import sys
import time
from statistics import median

from jano_core.scheduler import events
from jano_core.scheduler.policy import Policy
from jano_core.scheduler.residency import Budget
from jano_core.scheduler.scheduler import Scheduler
from jano_core.scheduler.strategy import Strategy
from jano_core.scheduler.types import Model, Request
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart

MODELS = [Model(name=f"model{number}", parallel=4, memory=10) for number in range(20)]
FIT = 60
SAMPLES = 200
DEPTHS = (500, 1000, 2000, 4000)
LIMIT_S = 0.002
AT = 2000


def main() -> int:
    """Print a table; 1 if the median at 2,000 waiting is over the limit."""
    slow = False
    print(f"{'waiting':>9s}", *(f"{depth:>15d}" for depth in DEPTHS), sep="")
    for strategy in (HeadStart(), Greedy(), Fifo()):
        cells = []
        for depth in DEPTHS:
            times = sorted(_decisions(strategy, depth))
            slow |= depth == AT and median(times) > LIMIT_S
            cells.append(f"{median(times) * 1e3:6.2f} p99 {times[-3] * 1e3:4.1f}")
        print(f"{strategy.name:9s}", *(f"{cell:>15s}" for cell in cells), " ms", sep="")
    print(f"limit: {LIMIT_S * 1e3:.0f} ms in the median at {AT} waiting")
    return int(slow)


def _decisions(strategy: Strategy, depth: int) -> list[float]:
    scheduler, dice = _busy(strategy), random.Random(depth)
    for number in range(depth):
        scheduler.queue.add(_request(f"r{number}", dice, float(number) / 100))
    now, times = depth / 100 + 1.0, []
    for number in range(SAMPLES):
        request = _request(f"extra{number}", dice, now)
        began = time.perf_counter()
        scheduler.handle(events.Arrived(at=now, request=request))
        scheduler.handle(events.Left(at=now, request=request.id))
        times.append((time.perf_counter() - began) / 2)
        now += 0.01
    return times


def _busy(strategy: Strategy) -> Scheduler:
    """Six models loaded, every slot of theirs taken."""
    policy = Policy(
        strategy=strategy,
        fallback=Greedy(),
        make_rule=lambda models: Budget(models, FIT),
        queue_limit=10**6,
    )
    scheduler = Scheduler(MODELS, policy)
    for model in MODELS[: FIT // 10]:
        for slot in range(model.parallel):
            request = Request(id=f"{model.name}/{slot}", models=(model.name,), arrived=0.0)
            scheduler.handle(events.Arrived(at=0.0, request=request))
        scheduler.handle(events.Loaded(at=0.0, model=model.name))
    return scheduler


def _request(name: str, dice: random.Random, at: float) -> Request:
    return Request(id=name, models=(dice.choice(MODELS).name,), arrived=at)


if __name__ == "__main__":
    sys.exit(main())
