"""What was learned outlives a restart."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from jano_core.runtime.memoir import EVERY_S, FILE, Memoir
from jano_core.scheduler.policy import Policy
from jano_core.scheduler.residency import Budget
from jano_core.scheduler.scheduler import Scheduler
from jano_core.scheduler.types import Model
from jano_core.strategies.greedy import Greedy
from jano_core.telemetry.facts import Facts, ServerCrashed

pytestmark = pytest.mark.anyio


def scheduler() -> Scheduler:
    policy = Policy(
        strategy=Greedy(), fallback=Greedy(), make_rule=lambda models: Budget(models, 100)
    )
    return Scheduler([Model(name="chat"), Model(name="code")], policy)


async def test_it_is_written_at_the_end_and_known_at_the_start(tmp_path: Path) -> None:
    first = scheduler()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Memoir(tmp_path / "state", first, Facts()).keep)
        first.estimates.loaded("chat", 12.5)
        first.estimates.served("chat", 3.0)
        first.estimates.arrived("chat", 0.0, idle_since=-7.0)
        first.estimates.weighed("chat", 40)
        first.estimates.weighed("code", 60)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    second = scheduler()
    assert not second.node.rule.allowed({"chat", "code"})
    Memoir(tmp_path / "state", second, Facts()).recall()
    stats = second.estimates.stats(Model(name="chat"), anyio.current_time())
    assert (stats.load_s, stats.service_s, stats.measured) == (12.5, 3.0, True)
    assert (stats.gaps, stats.rate > 0) == ((7.0,), True)
    assert second.node.rule.allowed({"chat", "code"})


async def test_it_is_written_now_and_then_only_when_it_changed(tmp_path: Path) -> None:
    known, facts = scheduler(), Facts()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Memoir(tmp_path, known, facts).keep)
        known.estimates.loaded("chat", 12.5)
        await anyio.sleep(EVERY_S + 1)
        assert json.loads((tmp_path / FILE).read_text())["load_s"] == {"chat": 12.5}
        (tmp_path / FILE).unlink()
        await anyio.sleep(EVERY_S)
        assert not (tmp_path / FILE).exists()
        await anyio.sleep(100 * EVERY_S)
        known.estimates.loaded("chat", 1.0)
        facts.emit(ServerCrashed(at=0.0, model="chat"))
        await anyio.sleep(EVERY_S + 1)
        assert (tmp_path / FILE).exists()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"load_s": 3}', b'{"load_s": {"chat": "long"}}', b'{"load_s": {"\xff": 1}}'],
)
async def test_a_file_that_makes_no_sense_is_as_good_as_none(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(text)
    known = scheduler()
    Memoir(tmp_path, known, Facts()).recall()
    assert known.estimates.learned() == scheduler().estimates.learned()
    assert str(tmp_path / FILE) in caplog.text


async def test_a_folder_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    known = scheduler()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Memoir(tmp_path / "file", known, Facts()).keep)
        known.estimates.loaded("chat", 1.0)
        await anyio.sleep(EVERY_S + 1)
        tasks.cancel_scope.cancel()
    assert "cannot be kept" in caplog.text
