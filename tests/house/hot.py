"""A model kept hot by three clients, and one request for another: how long does that wait?"""

from __future__ import annotations

import json
from pathlib import Path

import anyio
from msgspec import Struct

from jano_core.simulation.trace import TraceModel, parse
from jano_core.strategies.headstart import HeadStartSettings
from jano_core.testing.running import RunningJano, running_jano
from tests.simulated import model_table
from tests.wire_client import ask, chat

CLIENTS = 3
SERVICE_S = 0.4
TOKENS = 16
LOAD_S = 1.0
HURRY_S = 1.5
"""What processes, probes and a busy machine may add to what was reckoned."""


class Wait(Struct):
    """`waited` seconds until the rare request was answered, None if that was not before the hot
    clients left; `bound` is what the argument in `docs/scheduler.md` promises for `headstart`.
    """

    waited: float | None
    bound: float


async def keep_hot(
    strategy: str, seconds: float, rare_at: float, folder: Path, *, alpha: float | None = None
) -> Wait:
    """Play it with real processes. The hot clients go on for `seconds`, or until the request that
    comes at `rare_at` is answered. `alpha` is headstart's, if not its default.
    """
    server = f"--load {LOAD_S} --tokens {TOKENS} --rate {TOKENS / SERVICE_S}"
    config = f'[scheduler]\nstrategy = "{strategy}"\n'
    if alpha is not None:
        config += f"[scheduler.settings]\nalpha = {alpha}\n"
    config += "".join(model_table(name, folder / "book.jsonl", server) for name in "ab")
    with running_jano(config, folder / "jano") as jano:
        found, warm = Wait(waited=None, bound=0.0), anyio.Event()
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as clients:
                for _ in range(CLIENTS):
                    clients.start_soon(_again_and_again, jano, warm)
                await anyio.sleep(rare_at)
                await warm.wait()  # from then on Jano knows what a load takes
                found.bound = await _bound(jano, alpha or HeadStartSettings().alpha)
                came = anyio.current_time()
                answer = await ask(jano.url, "/v1/chat/completions", chat("b"))
                assert answer.status == 200, answer.body
                found.waited = anyio.current_time() - came - SERVICE_S
                clients.cancel_scope.cancel()
    return found


async def _again_and_again(jano: RunningJano, warm: anyio.Event) -> None:
    while True:
        await ask(jano.url, "/v1/chat/completions", chat("a"))
        warm.set()


async def _bound(jano: RunningJano, alpha: float) -> float:
    """Head start, one swap, and the hot requests that have come by then, from the times that Jano
    knows: before the first unload that one's is a guess of a second.
    """
    lines = (await ask(jano.url, "/api/trace")).body.splitlines()
    models = {model.name: model for model in parse(lines, "recorded").header.models}
    one_way = [_one_way(models[name]) for name in "ab"]
    head_start = alpha * sum(one_way)
    return head_start + max(one_way) + CLIENTS * SERVICE_S + HURRY_S


def _one_way(model: TraceModel) -> float:
    return model.load_s + model.unload_s


def told(strategy: str, wait: Wait) -> str:
    """One line for people."""
    waited = f"{wait.waited:.1f} s" if wait.waited is not None else "until the hot clients left"
    return json.dumps({"strategy": strategy, "waited": waited, "bound_s": round(wait.bound, 1)})
