"""The backend against a fake of its server."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_lmstudio
from jano_core import LoadFailed, Server, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.lmstudio import FakeLMStudio
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_lmstudio import LMStudio


class TestContract(BackendContract):
    backend = LMStudio
    unloads = True

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeLMStudio(Memory(), ["chat"]))


def of(fake: FakeLMStudio, model: str = "chat") -> LMStudio:
    spec = ServerSpec(
        model=model, url="http://127.0.0.1:1", health="/api/v1/models", start_timeout=60
    )
    return LMStudio(Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None))


@pytest.mark.anyio
async def test_a_load_that_is_given_up_leaves_nothing_in_memory() -> None:
    memory = Memory()
    backend = of(FakeLMStudio(memory, ["chat"], Ways(load_s=30)))
    with anyio.move_on_after(5):
        await backend.load()
    assert not memory.holds("chat")
    assert not await backend.ready()


@pytest.mark.anyio
async def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(LoadFailed, match="mystery"):
        await of(FakeLMStudio(Memory(), ["chat"]), "mystery").load()


@pytest.mark.anyio
async def test_a_server_that_dies_of_the_load_is_told() -> None:
    fake = FakeLMStudio(Memory(), ["chat"], Ways(dies_in_load=True))
    with pytest.raises(LoadFailed, match="did not load chat"):
        await of(fake).load()


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="lmstudio")
    assert entry.load() is jano_lmstudio
    assert jano_lmstudio.jano_backends() == [LMStudio]


@pytest.mark.anyio
async def test_it_is_never_loaded_twice() -> None:
    fake = FakeLMStudio(Memory(), ["chat"])
    backend = of(fake)
    await backend.load()
    await backend.load()
    assert fake.instances == {"chat": ["chat"]}


@pytest.mark.anyio
async def test_every_copy_is_unloaded() -> None:
    fake = FakeLMStudio(Memory(), ["chat"])
    fake.instances["chat"] = ["chat", "chat:2"]
    await of(fake).release()
    assert fake.instances == {"chat": []}


@pytest.mark.anyio
async def test_one_that_was_deleted_is_not_in_memory() -> None:
    fake = FakeLMStudio(Memory(), ["chat"])
    backend = of(fake)
    await backend.load()
    del fake.instances["chat"]
    await backend.release()
