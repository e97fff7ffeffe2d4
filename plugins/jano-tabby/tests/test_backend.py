"""The backend against a fake of its server."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_tabby
from jano_core import LoadFailed, Server, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_core.testing.fakes.tabby import FakeTabby
from jano_tabby import Tabby


class TestContract(BackendContract):
    backend = Tabby
    unloads = True

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeTabby(Memory(), ["chat"]))


def of(fake: FakeTabby, model: str = "chat") -> Tabby:
    spec = ServerSpec(model=model, url="http://127.0.0.1:1", health="/health", start_timeout=60)
    return Tabby(Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None))


@pytest.mark.anyio
async def test_a_load_that_is_given_up_leaves_nothing_in_memory() -> None:
    memory = Memory()
    backend = of(FakeTabby(memory, ["chat"], Ways(load_s=30)))
    with anyio.move_on_after(5):
        await backend.load()
    assert not memory.holds("chat")
    assert not await backend.ready()


@pytest.mark.anyio
async def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(LoadFailed, match="mystery"):
        await of(FakeTabby(Memory(), ["chat"]), "mystery").load()


@pytest.mark.anyio
async def test_a_server_that_dies_of_the_load_is_told() -> None:
    fake = FakeTabby(Memory(), ["chat"], Ways(dies_in_load=True))
    with pytest.raises(LoadFailed, match="did not load chat"):
        await of(fake).load()


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="tabby")
    assert entry.load() is jano_tabby
    assert jano_tabby.jano_backends() == [Tabby]


@pytest.mark.anyio
async def test_it_tells_its_context_and_its_batch() -> None:
    backend = of(FakeTabby(Memory(), ["chat"]))
    await backend.load()
    about = await backend.describe()
    assert (about.context, about.parallel) == (4096, 4)


def test_the_admin_key_goes_along() -> None:
    server = of(FakeTabby(Memory(), [])).server
    Tabby(server, Tabby.Settings(admin_key="hush"))
    assert server.http.headers == {"x-admin-key": "hush"}


@pytest.mark.anyio
async def test_one_that_somebody_else_loaded_is_used() -> None:
    fake = FakeTabby(Memory(), ["chat"])
    await of(fake).load()
    await of(fake).load()
    assert fake.asked.count("POST /v1/model/load") == 1


@pytest.mark.anyio
async def test_no_answer_is_no_proof_of_an_empty_server() -> None:
    fake = FakeTabby(Memory(), ["chat"])
    backend = of(fake)
    await backend.load()
    fake.up = False
    assert await backend.resident() is None
