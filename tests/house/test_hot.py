"""One request for a model that shares its box with a hot one, on real processes."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.house.hot import Wait, keep_hot, told

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

HOT_S, RARE_AT_S = 24.0, 2.0
ALPHA = 1.0
"""A quarter of the default's head start, so that a busy machine does not reach the end first."""


async def test_headstart_serves_it_within_its_bound_and_greedy_does_not(tmp_path: Path) -> None:
    found: dict[str, Wait] = {}

    async def play(strategy: str) -> None:
        alpha = ALPHA if strategy == "headstart" else None
        folder = tmp_path / strategy
        found[strategy] = await keep_hot(strategy, HOT_S, RARE_AT_S, folder, alpha=alpha)
        print(told(strategy, found[strategy]))

    async with anyio.create_task_group() as both:
        for strategy in ("headstart", "greedy"):
            (tmp_path / strategy).mkdir()
            both.start_soon(play, strategy)
    bounded, endless = found["headstart"], found["greedy"]
    assert bounded.waited is not None and bounded.waited < bounded.bound < HOT_S - RARE_AT_S
    assert endless.waited is None
