"""What the scheduler costs a request that has nothing to wait for: it arrives, runs, ends.

    .venv/bin/python -m bench.scheduling_cost

Printed are microseconds per request, both events and the timer's question included, for a strategy
that is not asked then (`Strategy.eager`) and for the same one asked each time.
"""

from __future__ import annotations

import time

from jano_core.scheduler.events import Arrived, Finished, Loaded
from jano_core.scheduler.policy import Policy
from jano_core.scheduler.residency import Budget
from jano_core.scheduler.scheduler import Scheduler
from jano_core.scheduler.types import Model, Request
from jano_core.strategies.greedy import Greedy
from jano_core.strategies.headstart import HeadStart

REQUESTS = 3000
ROUNDS = 5


class Careful(HeadStart):
    """Asked after every event."""

    def __init__(self) -> None:
        super().__init__()
        self.eager = False


def loaded(strategy: HeadStart, models: int) -> Scheduler:
    """A scheduler whose first model is ready."""
    policy = Policy(
        strategy=strategy, fallback=Greedy(), make_rule=lambda known: Budget(known, None)
    )
    scheduler = Scheduler([Model(name=f"m{n}", parallel=4) for n in range(models)], policy)
    first = Request(id="first", models=("m0",), arrived=0.0)
    scheduler.handle(Arrived(at=0.0, request=first))
    scheduler.handle(Loaded(at=1.0, model="m0"))
    scheduler.handle(Finished(at=2.0, request="first", outcome="served"))
    return scheduler


def cost(strategy: HeadStart, models: int) -> float:
    """Microseconds per request."""
    scheduler = loaded(strategy, models)
    began = time.perf_counter()
    for number in range(REQUESTS):
        now = 3.0 + number * 0.001
        request = Request(id=str(number), models=("m0",), arrived=now)
        scheduler.handle(Arrived(at=now, request=request))
        scheduler.next_deadline()
        scheduler.handle(Finished(at=now, request=request.id, outcome="served"))
        scheduler.next_deadline()
    return (time.perf_counter() - began) / REQUESTS * 1e6


def main() -> None:
    """Print a line for a small box and one for a large one."""
    for models in (2, 20):
        asked = min(cost(Careful(), models) for _ in range(ROUNDS))
        eager = min(cost(HeadStart(), models) for _ in range(ROUNDS))
        print(f"{models:3d} models   asked each time {asked:6.1f} µs   eager {eager:6.1f} µs")


if __name__ == "__main__":
    main()
