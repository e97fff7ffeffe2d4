"""A crowd of clients that hang up at random moments: queued, loading, streaming, or not at all."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import NamedTuple

import anyio

from tests.wire_client import ask, chat


class Stay(NamedTuple):
    """When a client came and when it was gone, in unix seconds, and whether it was answered."""

    came: float
    left: float
    answered: bool


class Crowd:
    """Clients of several models. The same seed gives the same wishes and the same patience."""

    def __init__(self, models: Sequence[str], seed: int) -> None:
        self.models = models
        self.stays: dict[str, list[Stay]] = {model: [] for model in models}
        self._dice = random.Random(seed)

    async def visit(self, url: str, count: int, patience: float) -> None:
        """`count` clients, one every millisecond, each for up to `patience` seconds."""
        async with anyio.create_task_group() as clients:
            for _ in range(count):
                model, stream = self._dice.choice(self.models), self._dice.random() < 0.5
                limit = self._dice.uniform(0, patience)
                clients.start_soon(self._client, url, model, stream, limit)
                await anyio.sleep(0.001)

    def wanted(self, model: str, at: float, slack: float) -> bool:
        """Whether somebody was there for `model` at that time, or had been `slack` before."""
        return any(stay.came <= at <= stay.left + slack for stay in self.stays[model])

    async def _client(self, url: str, model: str, stream: bool, limit: float) -> None:
        came, answered = time.time(), False
        with anyio.move_on_after(limit):
            answer = await ask(url, "/v1/chat/completions", chat(model, stream=stream))
            answered = answer.status == 200 and answer.whole
        self.stays[model].append(Stay(came, time.time(), answered))
