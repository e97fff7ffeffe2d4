"""Both backends against fakes that answer before they obey."""

from __future__ import annotations

from importlib.metadata import entry_points

import anyio
import pytest

import jano_sd
from jano_core import Backend, Server, ServerSpec, StopFailed
from jano_core.testing.backend_contract import BackendContract, Line, StandIn
from jano_core.testing.fakes.images import (
    CHECKPOINT,
    PICTURE_S,
    WORKFLOW,
    FakeComfyUI,
    FakeSDWebUI,
)
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.server import FakeServer, Ways
from jano_core.testing.fakes.stand_in import FakeStandIn
from jano_sd import ComfyUI, SDWebUI


def attached(kind: type[Backend], fake: FakeServer, stop_timeout: float = 60) -> Backend:
    url = "http://127.0.0.1:1"
    spec = ServerSpec(model="chat", url=url, health=kind.health, stop_timeout=stop_timeout)
    return kind(Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None))


class TestSDWebUIContract(BackendContract):
    backend = SDWebUI
    unloads = True

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeSDWebUI(Memory()))

    def spec(self) -> ServerSpec:
        url = "http://127.0.0.1:1"
        return ServerSpec(model="chat", url=url, health=SDWebUI.health, stop_timeout=10)


class TestComfyUIContract(BackendContract):
    backend = ComfyUI

    def stand_in(self) -> StandIn:
        return FakeStandIn(FakeComfyUI(Memory()))

    def spec(self) -> ServerSpec:
        url = "http://127.0.0.1:1"
        return ServerSpec(model="chat", url=url, health=ComfyUI.health, stop_timeout=10)


@pytest.mark.anyio
async def test_a_picture_is_finished_before_its_checkpoint_goes() -> None:
    memory = Memory()
    fake = FakeSDWebUI(memory)
    backend = attached(SDWebUI, fake)
    await backend.load()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fake.answer, "POST", "/sdapi/v1/txt2img", {}, {})
        await anyio.sleep(1)
        assert await backend.busy() == 1
        await backend.release()
    assert fake.broken == 0
    assert fake.served == [CHECKPOINT]
    assert not memory.holds(CHECKPOINT)


@pytest.mark.anyio
@pytest.mark.parametrize("late", [0.0, 5.0])
async def test_the_web_ui_is_believed_when_its_memory_falls(late: float) -> None:
    memory = Memory()
    fake = FakeSDWebUI(memory, Ways(late_s=late))
    backend = attached(SDWebUI, fake)
    await backend.load()
    assert (await backend.describe()).memory == 6 * 2**30
    began = anyio.current_time()
    await backend.release()
    assert anyio.current_time() - began >= late
    assert not memory.holds(CHECKPOINT)


@pytest.mark.anyio
async def test_memory_that_does_not_fall_is_told() -> None:
    fake = FakeSDWebUI(Memory(), Ways(late_s=1000))
    backend = attached(SDWebUI, fake, stop_timeout=10)
    await backend.load()
    with pytest.raises(StopFailed, match="did not fall"):
        await backend.release()


@pytest.mark.anyio
async def test_a_workflow_runs_on_after_its_answer_and_is_awaited() -> None:
    memory = Memory()
    fake = FakeComfyUI(memory)
    backend = attached(ComfyUI, fake)
    await fake.answer("POST", "/prompt", {}, {})
    assert await backend.busy() == 1
    began = anyio.current_time()
    await backend.release()
    assert anyio.current_time() - began > PICTURE_S
    assert fake.broken == 0
    assert not memory.holds(WORKFLOW)


@pytest.mark.parametrize(
    ("kind", "method", "path", "needs"),
    [
        (ComfyUI, "POST", "/prompt", True),
        (ComfyUI, "POST", "/api/prompt", True),
        (ComfyUI, "GET", "/", False),
        (ComfyUI, "GET", "/ws", False),
        (ComfyUI, "GET", "/api/history", False),
        (ComfyUI, "POST", "/api/interrupt", False),
        (SDWebUI, "POST", "/sdapi/v1/txt2img", True),
        (SDWebUI, "GET", "/sdapi/v1/progress", False),
        (SDWebUI, "POST", "/sdapi/v1/interrupt", False),
    ],
)
def test_only_what_makes_pictures_needs_the_model(
    kind: type[Backend], method: str, path: str, needs: bool
) -> None:
    assert kind.needs_model(method, path) is needs


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="sd")
    assert entry.load() is jano_sd
    assert [each.name for each in jano_sd.jano_backends()] == ["sdwebui", "comfyui"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "ready"),
    [
        ("xl/base.safetensors", True),
        ("base", True),
        ("xl_base", True),
        ("xl/base.safetensors [31e35c80fc]", True),
        ("bas", False),
        ("other.safetensors", False),
    ],
)
async def test_a_checkpoint_is_known_by_each_of_its_names(wanted: str, ready: bool) -> None:
    fake = FakeSDWebUI(Memory())
    fake.checkpoint = "xl/base.safetensors [31e35c80fc]"  # with what is added once it is loaded
    spec = ServerSpec(
        model="chat", url="http://127.0.0.1:1", health=SDWebUI.health, upstream_model=wanted
    )
    server = Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)
    assert await SDWebUI(server).ready() is ready


@pytest.mark.anyio
async def test_a_unit_or_a_job_has_its_checkpoint_without_being_asked() -> None:
    fake = FakeSDWebUI(Memory())
    fake.up = False  # it was started just now
    spec = ServerSpec(model="chat", url="http://127.0.0.1:1", options={"label": "org.webui"})
    await SDWebUI(Server(spec, http=Line(FakeStandIn(fake)), log=lambda line: None)).load()
    assert fake.asked == []
