"""vLLM's backend against a fake that sleeps, aborts and forgets as the real one does."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_vllm
from jano_core import CanSleep, Server, ServerSpec, StopFailed
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import Later, Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_core.testing.fakes.vllm import FakeVLLM
from jano_vllm import VLLM
from jano_vllm.vllm import VLLMSettings

CMD = ("vllm", "serve", "org/model", "--port", "1", "--enable-sleep-mode")


class TestContract(BackendContract):
    backend = VLLM

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeVLLM(Memory(), "chat"), starts=True)


class TestAttachedContract(BackendContract):
    """One that somebody else runs: all Jano can do is to wake it and to let it sleep."""

    backend = VLLM
    unloads = True

    def stand_in(self) -> StandIn:
        fake = FakeVLLM(Memory(), "chat")
        fake.listed, fake.asleep = Later.of(True), Later.of(True)
        return FakeStandIn(fake)

    def spec(self) -> ServerSpec:
        return ServerSpec(model="chat", url="http://127.0.0.1:1", stop_timeout=10)


def of(fake: FakeVLLM, *, level: int = 1, cmd: tuple[str, ...] = CMD) -> VLLM:
    spec = ServerSpec(model="chat", cmd=cmd, url="http://127.0.0.1:1", stop_timeout=5)
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)
    return VLLM(server, VLLMSettings(sleep_level=level))


async def up(fake: FakeVLLM) -> None:
    fake.start()
    await anyio.sleep(fake.ways.load_s + 1)


@pytest.mark.anyio
async def test_a_good_health_is_not_a_loaded_model() -> None:
    fake = FakeVLLM(Memory(), "org/model", Ways(load_s=60))
    fake.start()
    assert await of(fake).alive() is True
    assert await of(fake).ready() is False
    await anyio.sleep(61)
    assert await of(fake).ready() is True
    assert (await of(fake).describe()).context == 8192


@pytest.mark.anyio
@pytest.mark.parametrize("level", [1, 2])
async def test_it_sleeps_and_wakes_with_its_weights(level: int) -> None:
    memory = Memory()
    fake = FakeVLLM(memory, "org/model", Ways(late_s=2))
    await up(fake)
    backend = of(fake, level=level)
    assert isinstance(backend, CanSleep)
    assert await backend.sleep() is True
    assert not memory.holds("org/model")
    assert await backend.resident() == {}
    assert await backend.ready() is False
    await backend.wake()
    await anyio.sleep(3)
    assert await backend.ready() is True
    await fake.answer("POST", "/v1/chat/completions", {}, {"model": "org/model"})
    assert not fake.garbled


@pytest.mark.anyio
async def test_level_two_wakes_in_the_order_that_keeps_the_weights() -> None:
    fake = FakeVLLM(Memory(), "org/model")
    await up(fake)
    backend = of(fake, level=2)
    await backend.sleep()
    fake.asked.clear()
    await backend.wake()
    assert [each.split()[1] for each in fake.asked] == [
        "/wake_up", "/collective_rpc", "/wake_up", "/reset_prefix_cache",
    ]  # fmt: skip


@pytest.mark.anyio
async def test_nothing_that_runs_is_cut_off_by_sleep() -> None:
    fake = FakeVLLM(Memory(), "org/model")
    await up(fake)
    with fake.at_work():
        assert await of(fake).busy() == 1
        assert await of(fake).sleep() is False
    assert await of(fake).sleep() is True
    assert fake.aborted == 0


@pytest.mark.anyio
async def test_without_sleep_mode_there_is_no_sleep() -> None:
    fake = FakeVLLM(Memory(), "org/model", can_sleep=False)
    await up(fake)
    assert await of(fake).sleep() is False
    attached = of(fake, cmd=())
    with pytest.raises(StopFailed, match="--enable-sleep-mode"):
        await attached.release()


def test_the_environment_allows_the_routes_of_sleep_mode() -> None:
    spec = VLLM.prepare(ServerSpec(model="m", cmd=CMD))
    # `own_env` is all that a container or a unit gets.
    assert spec.env == spec.own_env == {"VLLM_SERVER_DEV_MODE": "1"}
    assert VLLM.prepare(ServerSpec(model="m", cmd=CMD[:-1])).env == {}


@pytest.mark.parametrize(
    ("cmd", "name"),
    [
        (("vllm", "serve", "org/model"), "org/model"),
        (("vllm", "serve", "--model", "org/model"), "org/model"),
        (("vllm", "serve", "org/model", "--served-model-name=short"), "short"),
        (("python", "-m", "vllm.entrypoints.openai.api_server", "--model", "x"), "x"),
        ((), "chat"),
    ],
)
def test_the_name_is_the_one_that_the_server_was_started_with(
    cmd: tuple[str, ...], name: str
) -> None:
    assert VLLM.model_name(ServerSpec(model="chat", cmd=cmd)) == name
    assert VLLM.model_name(ServerSpec(model="chat", cmd=cmd, upstream_model="own")) == "own"


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="vllm")
    assert entry.load() is jano_vllm
    assert [each.name for each in jano_vllm.jano_backends()] == ["vllm", "sglang"]


@pytest.mark.anyio
async def test_waking_may_take_as_long_as_starting() -> None:
    fake = FakeVLLM(Memory(), "org/model")
    await up(fake)
    backend = of(fake, level=2)
    assert await backend.sleep() is True
    fake.ways = Ways(load_s=170)
    await backend.wake()
    assert await backend.ready() is True
