"""The contract suite, before both kinds of llama-server.

The stand-ins answer as tools/server/README.md and server-models.cpp of llama.cpp say; `tests/real`
of the repository runs the same backend against the real server.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from jano_core import ListsModels, LoadFailed, Reply, ServerSpec
from jano_core.testing.backend_contract import BackendContract, Scene, StandIn
from jano_llamacpp import LlamaCpp

LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
PROPS = {"total_slots": 2, "default_generation_settings": {"n_ctx": 2048}, "is_sleeping": False}
SLOTS = [{"id": number, "is_processing": False} for number in (0, 1)]


class Single(StandIn):
    """llama-server with one model: every path answers 503 until it is loaded."""

    async def answer(self, method: str, path: str, body: Any) -> Reply:
        if not self.loaded:
            return self.json(LOADING, 503)
        pages = {"/health": {"status": "ok"}, "/props": PROPS, "/slots": SLOTS}
        return self.json(pages[path]) if path in pages else self.json({}, 404)


class Routing(StandIn):
    """llama-server as a router: healthy without any model, load and unload take effect later."""

    unload_s = 2.0
    fails = False

    def __init__(self) -> None:
        super().__init__()
        self.leaves_at: float | None = None
        self.at_work = 0

    @property
    def loads_at_start(self) -> bool:
        return False

    async def answer(self, method: str, path: str, body: Any) -> Reply:
        page, _, query = path.partition("?")
        if method == "POST":
            return self._order(page, body)
        if page == "/health":
            return self.json({"status": "ok"})
        if page == "/models":
            return self.json({"data": [{"id": "chat", "aliases": [], "status": self._status()}]})
        if not query:
            return self.json({"role": "router"}) if page == "/props" else self.json({}, 400)
        assert query == "model=chat&autoload=false", "asking must load nothing"
        if self._status()["value"] != "loaded":
            return self.json({"error": {"message": "model is not loaded"}}, 400)
        at_work = [{"id": number, "is_processing": number < self.at_work} for number in (0, 1)]
        return self.json(PROPS if page == "/props" else at_work)

    def _order(self, page: str, body: Any) -> Reply:
        if body != {"model": "chat"}:
            return self.json({"error": {"message": "model is not found"}}, 404)
        if page == "/models/load":
            self._status()
            if self._since is not None:
                return self.json({"error": {"message": "model is already running"}}, 400)
            self.begin()
        else:
            assert not self.at_work, "it would be cut short"
            self.leaves_at = anyio.current_time() + self.unload_s
        return self.json({"success": True})

    def _status(self) -> dict[str, Any]:
        if self.leaves_at is not None and anyio.current_time() >= self.leaves_at:
            self.leaves_at = None
            self.unload()
        if self._since is None:
            return {"value": "unloaded"}
        if not self.loaded:
            return {"value": "loading"}
        failed = {"value": "unloaded", "failed": True, "exit_code": 1}
        return failed if self.fails else {"value": "loaded"}


class TestSingle(BackendContract):
    backend = LlamaCpp

    def stand_in(self) -> StandIn:
        return Single()


class TestRouter(BackendContract):
    backend = LlamaCpp
    unloads = True

    def stand_in(self) -> StandIn:
        return Routing()

    def spec(self) -> ServerSpec:
        return replace(super().spec(), cmd=("llama-server", "--models-dir", "/models"))


def routed(**switches: Any) -> tuple[Scene, Routing]:
    router = Routing()
    vars(router).update(switches)
    return Scene(LlamaCpp, router, TestRouter().spec()), router


@pytest.mark.anyio
async def test_an_unload_is_awaited_and_comes_after_what_runs() -> None:
    scene, router = routed()
    await scene.bring_up()
    router.at_work = 1
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.backend.release)
        await anyio.sleep(3)
        router.at_work = 0
    assert not router.loaded
    assert await scene.backend.resident() == {}


@pytest.mark.anyio
async def test_a_router_that_runs_is_not_a_model_that_is_loaded() -> None:
    """When Jano starts, nothing has been asked for yet."""
    scene, router = routed()
    assert await scene.backend.ready() is False
    router.begin()
    await anyio.sleep(router.load_s)
    assert await scene.backend.ready() is True


@pytest.mark.anyio
async def test_a_model_that_dies_while_loading_is_told_at_once() -> None:
    scene, _ = routed(fails=True)
    with pytest.raises(LoadFailed, match="exited with status 1"):
        await scene.bring_up()


@pytest.mark.anyio
async def test_a_model_that_the_router_does_not_have_is_told_with_those_it_has() -> None:
    scene = Scene(LlamaCpp, Routing(), replace(TestRouter().spec(), upstream_model="coder"))
    with pytest.raises(LoadFailed, match="does not load 'coder'"):
        await scene.bring_up()
    assert isinstance(scene.backend, ListsModels)
    assert await scene.backend.models() == ["chat"]


@pytest.mark.anyio
async def test_a_router_that_does_not_answer_has_not_unloaded() -> None:
    scene, router = routed()
    await scene.bring_up()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.backend.release)
        await anyio.sleep(0.05)
        scene.line.odd = router.json({"error": {"message": "busy"}}, 500)
        await anyio.sleep(1)
        scene.line.odd = None
    assert router.leaves_at is None and not router.loaded
