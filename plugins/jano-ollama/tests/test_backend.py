"""The backend against a fake Ollama, alone and in a whole house."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_ollama
from jano_core import LoadFailed, Server, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.ollama import FakeOllama
from jano_core.testing.fakes.server import Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_ollama import Ollama


class TestContract(BackendContract):
    backend = Ollama
    unloads = True

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeOllama(Memory(), ["chat"]))


def of(fake: FakeOllama, model: str = "chat", **keys: object) -> Ollama:
    spec = ServerSpec(model=model, url="http://127.0.0.1:1", health="/api/version", **keys)
    lines: list[str] = []
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lines.append)
    backend = Ollama(server)
    backend.lines = lines  # type: ignore[attr-defined]
    return backend


@pytest.mark.anyio
async def test_it_is_pinned_against_ollamas_own_timer() -> None:
    fake = FakeOllama(Memory(), ["chat"])
    await of(fake).load()
    assert fake.keep_alive == {"chat:latest": -1}


@pytest.mark.anyio
async def test_an_answer_to_unload_is_not_taken_for_its_effect() -> None:
    fake = FakeOllama(Memory(), ["chat"], Ways(late_s=3))
    backend = of(fake)
    await backend.load()
    await anyio.sleep(4)
    assert await backend.ready()
    began = anyio.current_time()
    await backend.release()
    assert anyio.current_time() - began >= 3
    assert await backend.resident() == {}


@pytest.mark.anyio
async def test_a_model_that_is_not_installed_is_told_with_the_remedy() -> None:
    with pytest.raises(LoadFailed, match="ollama pull mystery"):
        await of(FakeOllama(Memory(), ["chat"]), "mystery").load()


@pytest.mark.anyio
async def test_a_model_for_embeddings_is_loaded_as_one() -> None:
    fake = FakeOllama(Memory(), ["embed"], embedding=["embed"])
    backend = of(fake, "embed")
    await backend.load()
    assert await backend.ready()
    await backend.release()
    assert not await backend.ready()


@pytest.mark.anyio
async def test_a_model_that_is_partly_on_the_cpu_raises_an_alarm() -> None:
    backend = of(FakeOllama(Memory(), ["chat"], vram=0.75))
    await backend.load()
    assert (await backend.describe()).memory == 4 * 2**30
    assert "25 % of chat is on the CPU" in backend.lines[0]  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_a_load_that_is_given_up_leaves_nothing_in_memory() -> None:
    memory = Memory()
    backend = of(FakeOllama(memory, ["chat"], Ways(load_s=60)))
    with anyio.move_on_after(5):
        await backend.load()
    assert not memory.holds("chat:latest")


def test_a_server_that_jano_starts_forgets_nothing_by_itself() -> None:
    inherited = {"OLLAMA_KEEP_ALIVE": "5m"}
    spec = Ollama.prepare(ServerSpec(model="chat", cmd=("ollama", "serve"), env=inherited))
    assert spec.env["OLLAMA_KEEP_ALIVE"] == "-1"
    assert spec.own_env["OLLAMA_KEEP_ALIVE"] == "-1"  # also where a container or a unit runs it
    own = ServerSpec(model="chat", cmd=("ollama", "serve"), env=inherited, own_env=inherited)
    assert Ollama.prepare(own).env["OLLAMA_KEEP_ALIVE"] == "5m"


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="ollama")
    assert entry.load() is jano_ollama
    assert jano_ollama.jano_backends() == [Ollama]
