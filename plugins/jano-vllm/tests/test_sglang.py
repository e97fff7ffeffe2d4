"""SGLang's backend against a fake whose weights are garbage after a resume, as the real one's."""

from __future__ import annotations

import anyio
import pytest

from jano_core import Server, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import Ways
from jano_core.testing.fakes.sglang import FakeSGLang
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_vllm import SGLang

CMD = ("python", "-m", "sglang.launch_server", "--model-path", "org/model")


class TestContract(BackendContract):
    backend = SGLang

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeSGLang(Memory(), "chat"), starts=True)


def of(fake: FakeSGLang, *flags: str) -> SGLang:
    spec = ServerSpec(model="chat", cmd=(*CMD, *flags), url="http://127.0.0.1:1", stop_timeout=5)
    return SGLang(Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None))


@pytest.mark.anyio
async def test_only_a_real_token_proves_that_it_is_ready() -> None:
    fake = FakeSGLang(Memory(), "chat", Ways(load_s=60))
    fake.start()
    assert await of(fake).alive() is True
    assert await of(fake).ready() is False
    await anyio.sleep(61)
    assert await of(fake).ready() is True


@pytest.mark.anyio
@pytest.mark.parametrize("backup", [False, True])
async def test_it_gives_its_memory_back_and_wakes_with_its_weights(backup: bool) -> None:
    memory = Memory()
    fake = FakeSGLang(memory, "chat")
    fake.start()
    await anyio.sleep(2)
    flags = ["--enable-memory-saver", *(["--enable-weights-cpu-backup"] if backup else [])]
    backend = of(fake, *flags)
    assert await backend.sleep() is True
    assert not memory.holds("chat")
    await backend.wake()
    assert await backend.ready() is True
    assert ("POST /update_weights_from_disk" in fake.asked) is not backup


@pytest.mark.anyio
async def test_it_is_never_told_to_release_while_it_works() -> None:
    fake = FakeSGLang(Memory(), "chat")
    fake.start()
    await anyio.sleep(2)
    with fake.at_work():
        assert await of(fake, "--enable-memory-saver").sleep() is False
    assert fake.up


@pytest.mark.anyio
async def test_without_the_memory_saver_it_does_not_sleep() -> None:
    fake = FakeSGLang(Memory(), "chat")
    assert await of(fake).sleep() is False
    assert fake.asked == []


@pytest.mark.anyio
async def test_a_unit_that_was_just_started_is_not_asked_to_wake() -> None:
    fake = FakeSGLang(Memory(), "chat", Ways(load_s=60))
    fake.up = False
    options = {"unit": "sglang.service"}
    spec = ServerSpec(model="chat", url="http://127.0.0.1:1", options=options)
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)
    await SGLang(server).load()
    fake.up = True
    await SGLang(server).release()
    assert fake.asked == []
