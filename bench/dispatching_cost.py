"""What deciding costs a request for a model that is loaded, from `submit` to `finish`.

    .venv/bin/python -m bench.dispatching_cost

Printed are microseconds per request: the scheduler alone (both events and the timer's question),
and the whole dispatcher with it, with nobody listening to its facts; for a request that has its
slot at once, and for one that comes ninth where one is served at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import median

import anyio

from bench.scheduling_cost import cost
from jano_core.blueprint import Blueprint, Site
from jano_core.clock import Clock
from jano_core.config.load import load
from jano_core.plugin.contracts import Usage
from jano_core.plugin.registry import Registry
from jano_core.runtime.dispatcher import Dispatcher
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.runtime.ticket import Ending, Ticket
from jano_core.strategies.headstart import HeadStart
from jano_core.telemetry.facts import Facts
from jano_core.testing.playhouse import Actor, Stage

REQUESTS = 2000
ROUNDS = 15
WAITING = 8
BOXES = (1, 2, 20)
USAGE = Usage(prompt_tokens=20, generated_tokens=10)


def blueprint(models: int, parallel: int) -> Blueprint:
    """A box with so many models, whose servers are acted and up."""
    actors = [Actor(f"m{number}", f"parallel = {parallel}") for number in range(models)]
    for actor in actors:
        actor.up = True
    stage, registry = Stage(actors), Registry.discover()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "jano.toml")
        path.write_text(stage.configuration(""))
        loaded = load(path, registry, {})
    site = Site(url="", state_folder=None, transport=stage, log_of=lambda _: LogBuffer().write)
    return Blueprint(loaded, registry, site)


async def measure(models: int, parallel: int, waiting: int) -> float:
    """Microseconds per request, each of which comes when so many wait."""
    plan = blueprint(models, parallel)
    dispatcher = Dispatcher(plan.models, plan.policy, plan.kit, Clock(), Facts())
    async with anyio.create_task_group() as tasks:
        await tasks.start(dispatcher.run)
        await dispatcher.steward.load("m0")
        here = deque(submit(dispatcher) for _ in range(waiting))
        began = time.perf_counter()
        for _ in range(REQUESTS):
            here.append(submit(dispatcher))
            ticket = here.popleft()
            await ticket.lease()
            ticket.first_byte()
            ticket.finish(Ending("served", 200, USAGE, 200, 300))
        taken = time.perf_counter() - began
        for ticket in here:
            ticket.finish(Ending("left", 499))
        tasks.cancel_scope.cancel()
    return taken / REQUESTS * 1e6


def submit(dispatcher: Dispatcher) -> Ticket:
    """As the gateway does."""
    path = "/v1/chat/completions"
    return dispatcher.submit("m0", path=path, method="POST", client="bench", owner="bench")


def main() -> None:
    """A line for each size of box; medians of rounds that take turns."""
    kinds = ("scheduler", "at once", f"behind {WAITING}")
    found: dict[tuple[int, str], list[float]] = {
        (models, kind): [] for models in BOXES for kind in kinds
    }
    for _ in range(ROUNDS):
        for models in BOXES:
            found[models, kinds[0]].append(cost(HeadStart(), models))
            found[models, kinds[1]].append(anyio.run(measure, models, 4, 0))
            found[models, kinds[2]].append(anyio.run(measure, models, 1, WAITING + 1))
    for models in BOXES:
        cells = (f"{kind} {median(found[models, kind]):6.1f} µs" for kind in kinds)
        print(f"{models:3d} models   {'   '.join(cells)}")


if __name__ == "__main__":
    main()
