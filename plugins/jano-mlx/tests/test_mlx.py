"""The backend before a stand-in that answers as mlx_lm/server.py of mlx-lm 0.32 does."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

import jano_mlx
from jano_core import LoadFailed, ReadsFiles, Reply, Server, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Scene, StandIn
from jano_mlx import Mlx


class MlxServer(StandIn):
    """Healthy without a model, loads what a completion names, lists nothing that is true."""

    known = ("default_model", "models/chat")
    load_s = 40.0

    def __init__(self) -> None:
        super().__init__()
        self.holds = ""

    @property
    def loads_at_start(self) -> bool:
        return False

    async def answer(self, method: str, path: str, body: Any) -> Reply:
        if path == "/health":
            return self.json({"status": "ok"})
        if path == "/v1/models":
            return Reply(200, b"")  # without a cache folder of the hub: CacheNotFound in its log
        if path != "/v1/completions":
            return Reply(404, b"Not Found")
        if body["model"] not in self.known:
            return self.json({"error": "Cannot find an appropriate cached snapshot folder"}, 404)
        if self.holds != body["model"]:
            self.unload()
            self.begin()
            self.holds = body["model"]
            await anyio.sleep(self.load_s)
        return self.json({"choices": [{"text": "the"}]})


class TestMlx(BackendContract):
    backend = Mlx

    def stand_in(self) -> StandIn:
        return MlxServer()


def spec(**keys: Any) -> ServerSpec:
    return replace(TestMlx().spec(), **keys)


def test_its_files_are_the_weights_in_the_folder_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    for name in ("model-2.safetensors", "model-1.safetensors", "config.json"):
        (tmp_path / "tiny" / name).touch()

    def files(*cmd: str) -> list[str]:
        server = Server(spec(cmd=cmd, cwd=str(tmp_path)), http=MlxServer(), log=lambda line: None)
        made = Mlx(server)
        assert isinstance(made, ReadsFiles)
        return [path.name for path in made.files()]

    assert files("mlx_lm.server", "--model", "tiny") == [
        "model-1.safetensors",
        "model-2.safetensors",
    ]
    assert files("mlx_lm.server", "--model", "mlx-community/tiny") == []
    assert files("mlx_lm.server", "--model") == files("mlx_lm.server") == []


@pytest.mark.anyio
async def test_a_healthy_server_without_the_model_is_not_ready() -> None:
    scene = Scene(Mlx, MlxServer(), spec())
    assert await scene.backend.alive() is True
    assert await scene.backend.ready() is False


@pytest.mark.anyio
async def test_an_unknown_model_is_told_in_the_server_s_words() -> None:
    scene = Scene(Mlx, MlxServer(), spec(upstream_model="somebody/else"))
    with pytest.raises(LoadFailed, match="'somebody/else': Cannot find"):
        await scene.bring_up()


@pytest.mark.anyio
async def test_what_is_in_its_cache_is_told_and_an_empty_page_is_nothing() -> None:
    scene = Scene(Mlx, MlxServer(), spec())
    assert isinstance(scene.backend, Mlx)
    assert await scene.backend.models() == []
    listed = {"object": "list", "data": [{"id": "mlx-community/small"}, {}, 3]}
    scene.line.odd = MlxServer.json(listed)
    assert await scene.backend.models() == ["mlx-community/small"]
    scene.line.cut = True
    assert await scene.backend.models() == ()


@pytest.mark.anyio
async def test_one_server_is_asked_for_one_model_after_the_other() -> None:
    server = MlxServer()
    for name in MlxServer.known:
        await Scene(Mlx, server, spec(upstream_model=name)).bring_up()
        assert server.holds == name


@pytest.mark.anyio
async def test_a_server_that_comes_up_late_is_waited_for() -> None:
    scene = Scene(Mlx, MlxServer(), spec())
    scene.line.cut = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.backend.load)
        await anyio.sleep(7)
        scene.line.cut = False
    assert await scene.backend.ready() is True


def test_the_name_is_always_rewritten() -> None:
    assert Mlx.model_name(spec()) == "default_model"
    assert Mlx.model_name(spec(upstream_model="models/x")) == "models/x"


def test_nothing_is_downloaded_unless_the_model_s_own_environment_allows_it() -> None:
    assert Mlx.prepare(spec(env={"A": "1"})).env == {"A": "1", "HF_HUB_OFFLINE": "1"}
    allowed = spec(env={"HF_HUB_OFFLINE": "0"}, own_env={"HF_HUB_OFFLINE": "0"})
    assert Mlx.prepare(allowed) == allowed


def test_the_entry_point_leads_to_the_hooks() -> None:
    (entry,) = entry_points(group="jano", name="mlx")
    assert entry.load() is jano_mlx
    assert jano_mlx.jano_backends() == [Mlx]
