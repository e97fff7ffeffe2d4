"""One request for a model that shares its box with a hot one, on real processes."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.house.hot import Wait, keep_hot, told

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

HOT_S, RARE_AT_S = 26.0, 2.0


async def test_headstart_serves_it_within_its_bound_and_greedy_does_not(tmp_path: Path) -> None:
    found: dict[str, Wait] = {}

    async def play(strategy: str) -> None:
        found[strategy] = await keep_hot(strategy, HOT_S, RARE_AT_S, tmp_path / strategy)
        print(told(strategy, found[strategy]))

    async with anyio.create_task_group() as both:
        for strategy in ("headstart", "greedy"):
            (tmp_path / strategy).mkdir()
            both.start_soon(play, strategy)
    bounded, endless = found["headstart"], found["greedy"]
    assert bounded.waited is not None and bounded.waited < bounded.bound < HOT_S - RARE_AT_S
    assert endless.waited is None
