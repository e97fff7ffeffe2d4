"""The backend against a fake that says yes and restarts later, as koboldcpp does."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_koboldcpp
from jano_core import LoadFailed, Server, ServerSpec, StopFailed
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.koboldcpp import FakeKobold
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_koboldcpp import KoboldCpp
from jano_koboldcpp.backend import KoboldSettings

FILES = ["chat.kcpps", "code.kcpps"]


class TestContract(BackendContract):
    backend = KoboldCpp
    unloads = True

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeKobold(Memory(), FILES))

    def spec(self) -> ServerSpec:
        url = "http://127.0.0.1:1"
        return ServerSpec(model="chat", url=url, health="/api/extra/version", stop_timeout=10)


def of(fake: FakeKobold, model: str = "chat", password: str = "") -> KoboldCpp:
    spec = ServerSpec(model=model, url="http://127.0.0.1:1", stop_timeout=10)
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)
    return KoboldCpp(server, KoboldSettings(password=password))


@pytest.mark.anyio
async def test_the_old_model_is_not_taken_for_the_new_one() -> None:
    fake = FakeKobold(Memory(), FILES, Ways(load_s=5))
    first = of(fake, "chat")
    await first.load()
    await anyio.sleep(20)
    assert await first.ready()
    second = of(fake, "code")
    await second.load()
    assert not await second.ready()
    await anyio.sleep(20)
    assert await second.ready()
    assert fake.model.now == "code"


@pytest.mark.anyio
async def test_an_unload_is_believed_when_the_model_is_inactive() -> None:
    memory = Memory()
    fake = FakeKobold(memory, FILES)
    backend = of(fake)
    await backend.load()
    await anyio.sleep(20)
    await backend.release()
    assert await backend.resident() == {}
    assert not memory.holds("chat")


@pytest.mark.anyio
async def test_a_server_that_only_says_yes_is_told_apart() -> None:
    fake = FakeKobold(Memory(), FILES, Ways(hangs_in_unload=True))
    backend = of(fake)
    await backend.load()
    await anyio.sleep(20)
    with pytest.raises(StopFailed, match="still has a model"):
        await backend.release()


@pytest.mark.anyio
async def test_an_unknown_file_is_told() -> None:
    with pytest.raises(LoadFailed, match=r"mystery\.kcpps"):
        await of(FakeKobold(Memory(), FILES), "mystery").load()


@pytest.mark.anyio
async def test_what_waits_inside_it_counts() -> None:
    fake = FakeKobold(Memory(), FILES)
    assert await of(fake).busy() == 0
    with fake.at_work():
        assert await of(fake).busy() == 1


def test_the_password_goes_along() -> None:
    backend = of(FakeKobold(Memory(), FILES), password="hush")
    assert backend.server.http.headers == {"authorization": "Bearer hush"}


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="koboldcpp")
    assert entry.load() is jano_koboldcpp


@pytest.mark.anyio
async def test_a_unit_or_a_job_has_its_model_without_being_asked() -> None:
    fake = FakeKobold(Memory(), FILES)
    fake.up = False  # it was started just now
    options = {"unit": "kobold.service"}
    spec = ServerSpec(model="chat", url="http://127.0.0.1:1", options=options)
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)
    await KoboldCpp(server).load()
    assert fake.asked == []
