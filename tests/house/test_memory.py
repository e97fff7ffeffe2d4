"""Memory: what models take is learned, and proven free before the next load."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jano_core.runtime import memory_use
from jano_core.runtime.memory_use import Holder, Memory
from jano_core.runtime.weigher import EVERY_S, PATIENCE_S, Scales, Weigher
from jano_core.scheduler.events import Weighed
from jano_core.testing.playhouse import Actor, Says, Stage, playhouse

pytestmark = pytest.mark.anyio

GIB = 2**30
SHARED = '[memory]\nbudget = "10GiB"'


async def ask(stage: Stage, model: str) -> tuple[int, bytes]:
    body = json.dumps({"model": model}).encode()
    call, answer = await stage.client.ask("POST", "/v1/chat/completions", body)
    return call.status, answer


class Told(Scales):
    """Free are so many GiB at each look, the last for ever; a server takes its number in MB."""

    def __init__(self, *free: float) -> None:
        self._coming = list(free)

    async def of_tree(self, pid: int) -> Memory | None:
        return Memory("GPU", pid * GIB // 1000)

    async def free(self, kind: str) -> int | None:
        return round((self._coming.pop(0) if self._coming[1:] else self._coming[0]) * GIB)

    async def holders(self, kind: str) -> list[Holder]:
        return [Holder(1, 7 * GIB)]


def readings(stage: Stage, *free: float) -> None:
    """Chat and code were seen to take 8 GiB, and so many are free."""
    dispatcher = stage.jano.dispatcher
    weigher = dispatcher.crew.weigher = Weigher(dispatcher, Told(*free))
    weigher.seen |= {"chat": Memory("RAM", 8 * GIB), "code": Memory("RAM", 8 * GIB)}


def loaded(stage: Stage) -> list[str]:
    instances = stage.jano.dispatcher.scheduler.node.instances
    return [name for name, each in instances.items() if each.serving]


async def test_what_a_model_takes_is_learned_and_two_that_fit_live_together() -> None:
    async with playhouse(Actor("chat"), Actor("code"), config=SHARED) as stage:
        await ask(stage, "chat")
        await ask(stage, "code")
        assert loaded(stage) == ["code"]  # unknown: as large as everything
        weigh(stage, "chat", 3)
        weigh(stage, "code", 6)
        await ask(stage, "chat")
        assert loaded(stage) == ["chat", "code"]
        _, status = await stage.client.ask("GET", "/status")
        assert json.loads(status)["models"]["chat"]["memory"] == 3 * GIB


def weigh(stage: Stage, model: str, gib: int) -> None:
    dispatcher = stage.jano.dispatcher
    at = dispatcher.clock.now()
    dispatcher.post(Weighed(at=at, model=model, memory=gib * GIB))


async def test_a_load_waits_until_memory_has_come_back() -> None:
    code = Actor("code", 'memory = "8GiB"')
    async with playhouse(Actor("chat", 'memory = "8GiB"'), code, config=SHARED) as stage:
        readings(stage, 10, 2, 4, 6, 8)
        await ask(stage, "chat")
        began = anyio.current_time()
        assert (await ask(stage, "code"))[0] == 200
        assert anyio.current_time() - began == pytest.approx(0.75, abs=0.3)


async def test_memory_that_does_not_come_back_is_an_error_that_names_who_has_it() -> None:
    async with playhouse(Actor("chat", 'memory = "8GiB"'), config=SHARED) as stage:
        readings(stage, 3)
        began = anyio.current_time()
        status, answer = await ask(stage, "chat")
        assert anyio.current_time() - began < PATIENCE_S
    assert status == 503
    message = json.loads(answer)["error"]["message"]
    assert "chat takes 8.0 GiB of RAM, and 3.0 GiB are free" in message
    assert "(pid 1) 7.0 GiB" in message


class Box(Scales):
    """`free` GiB beside what `taken` says, by number of process."""

    def __init__(self, free: float) -> None:
        self.left = free
        self.taken: dict[int, float] = {}

    async def of_tree(self, pid: int) -> Memory | None:
        return Memory("RAM", round(self.taken[pid] * GIB))

    async def free(self, kind: str) -> int | None:
        return round((self.left - sum(self.taken.values())) * GIB)

    async def holders(self, kind: str) -> list[Holder]:
        return []


@asynccontextmanager
async def two_that_fit_the_budget(box: Box) -> AsyncIterator[Stage]:
    """Chat and code, seen to take 8 GiB each, load for 30 s."""
    actors = [Actor(name, 'memory = "8GiB"', load_s=30) for name in ("chat", "code")]
    async with playhouse(*actors, config='[memory]\nbudget = "20GiB"') as stage:
        weigher = Weigher(stage.jano.dispatcher, box)
        stage.jano.dispatcher.crew.weigher = weigher
        weigher.seen |= {each.name: Memory("RAM", 8 * GIB) for each in actors}
        yield stage


async def test_what_a_model_took_before_it_was_changed_is_forgotten() -> None:
    chat = Actor("chat", script=lambda heard: Says(first=60))
    async with playhouse(chat, config=SHARED) as stage, anyio.create_task_group() as tasks:
        dispatcher, box = stage.jano.dispatcher, Box(99)
        weigher = dispatcher.crew.weigher = Weigher(dispatcher, box)
        tasks.start_soon(weigher.run)
        tasks.start_soon(ask, stage, "chat")
        await anyio.sleep(1)
        parts = dispatcher.crew["chat"].parts
        assert parts is not None
        parts.server.pid, box.taken[1] = 1, 8
        await anyio.sleep(EVERY_S)
        assert weigher.seen["chat"].size == 8 * GIB
        stage.config += 'upstream_model = "smaller"\n'
        await stage.jano.reload()
        await anyio.sleep(2 * EVERY_S)  # the old one still answers
        assert not weigher.seen
        assert not dispatcher.scheduler.estimates.learned().memory
        tasks.cancel_scope.cancel()


async def test_two_loads_do_not_take_memory_that_is_there_once() -> None:
    box, answers = Box(12), dict[str, int]()
    async with two_that_fit_the_budget(box) as stage:

        async def call(model: str, pid: int) -> None:
            answers[model], _ = await ask(stage, model)
            box.taken[pid] = 8

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "chat", 1)
            tasks.start_soon(call, "code", 2)
    assert sorted(answers.values()) == [200, 503]


async def test_two_loads_for_which_there_is_memory_go_side_by_side() -> None:
    async with two_that_fit_the_budget(Box(16)) as stage:
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, stage, "chat")
            tasks.start_soon(ask, stage, "code")
        assert anyio.current_time() - began == pytest.approx(30, abs=1)


async def test_what_a_load_has_taken_already_is_not_kept_for_it_again() -> None:
    box = Box(17)
    async with two_that_fit_the_budget(box) as stage, anyio.create_task_group() as tasks:
        began = anyio.current_time()
        tasks.start_soon(ask, stage, "chat")
        await anyio.sleep(5)
        life = stage.jano.dispatcher.crew["chat"].life
        assert life is not None and life.parts is not None
        life.parts.server.pid, box.taken[1] = 1, 6
        assert (await ask(stage, "code"))[0] == 200
        assert anyio.current_time() - began == pytest.approx(35, abs=1)


async def test_who_has_no_budget_is_never_asked() -> None:
    async with playhouse(Actor("chat", 'memory = "8GiB"')) as stage:
        readings(stage, 3)
        assert (await ask(stage, "chat"))[0] == 200


async def test_what_was_never_seen_is_not_asked_for() -> None:
    async with playhouse(Actor("draw", 'memory = "8GiB"'), config=SHARED) as stage:
        readings(stage, 3)
        assert (await ask(stage, "draw"))[0] == 200


async def test_ready_models_are_looked_at_now_and_then() -> None:
    async with playhouse(Actor("chat"), config=SHARED) as stage:
        await ask(stage, "chat")
        parts = stage.jano.dispatcher.crew["chat"].parts
        assert parts is not None
        parts.server.pid = 4711
        weigher = Weigher(stage.jano.dispatcher, Told())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(weigher.run)
            await anyio.sleep(EVERY_S + 1)
            tasks.cancel_scope.cancel()
        estimates = stage.jano.dispatcher.scheduler.estimates
        assert estimates.learned().memory == {"chat": 4711 * GIB // 1000}
        assert weigher.seen == {"chat": Memory("GPU", 4711 * GIB // 1000)}


@pytest.mark.wire
async def test_this_very_process_is_seen(tmp_path: Path) -> None:
    if not memory_use.LINUX:
        pytest.skip("only Linux tells through /proc")
    mine = memory_use.of_tree(os.getpid())
    assert mine is not None and mine.size > 10 * 2**20
    available = memory_use.free("RAM")
    assert available is not None and available > 0
    assert memory_use.holders("RAM")


@pytest.mark.wire
async def test_with_cards_of_another_make_nothing_is_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "card0" / "device").mkdir(parents=True)
    (tmp_path / "card0" / "device" / "mem_info_vram_total").write_text("8589934592")
    monkeypatch.setattr(memory_use, "DRM", tmp_path)
    assert memory_use.of_tree(os.getpid()) is None


@pytest.mark.wire
async def test_cards_are_told_by_their_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form is that of `nvidia-smi --format=csv,noheader,nounits`."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        f"*apps*) echo '{os.getpid()}, 2048'; echo '1, 512'; echo '77, [N/A]' ;;\n"
        "*) echo 1000; echo 24 ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert memory_use.of_tree(os.getpid()) == Memory("GPU", 2 * GIB)
    assert memory_use.free("GPU") == 1024 * 2**20
    assert [holder.pid for holder in memory_use.holders("GPU")] == [os.getpid(), 1]
