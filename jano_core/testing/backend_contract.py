"""What every backend must keep, as tests that anybody can run on theirs.

from jano_core.testing.backend_contract import BackendContract, StandIn

class Pages(StandIn):                       # your server, as far as a backend asks it
    async def answer(self, method, path, body):
        return self.json({"ready": self.loaded})

class TestMine(BackendContract):
    backend = MyBackend
    def stand_in(self):
        return Pages()

They run in virtual time on trio, against a stand-in that exists only as its answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

import anyio
import msgspec
import pytest
from msgspec import Struct
from trio.testing import MockClock

from ..errors import LoadFailed, StopFailed, UpstreamError
from ..plugin.capabilities import CanSleep, ListsModels, ReportsMemory, TellsProgress
from ..plugin.contracts import Backend, Description
from ..plugin.server import Reply, ServerSpec
from ..runtime.readiness import until_ready
from .stand_in import Line, Scene, StandIn

__all__ = ["BackendContract", "Line", "Scene", "StandIn"]

PATIENCE = 30.0
"""Virtual seconds that any one question to a server may take."""
ODD = (b"", b"not JSON", b"null", b"[]", b"{}", b'"text"', b"[1]", b'{"data": 7}', b"\xff")


class BackendContract(ABC):
    """Subclass it in a test module under a name that pytest collects; give it `backend` and
    `stand_in`, and `spec` where the model's table needs more than nothing.
    """

    backend: ClassVar[type[Backend]]
    unloads: ClassVar[bool] = False
    """Does `release` take the model out of a server that stays?"""

    @abstractmethod
    def stand_in(self) -> StandIn:
        """A new stand-in for the server; its model is not loaded."""

    def spec(self) -> ServerSpec:
        """The model's table as far as launchers and backends see it."""
        health = self.backend.health
        return ServerSpec(model=StandIn.model, cmd=("server",), health=health, stop_timeout=10)

    @pytest.fixture
    def anyio_backend(self) -> Any:
        """Virtual time."""
        return "trio", {"clock": MockClock(autojump_threshold=0)}

    @pytest.fixture
    def scene(self) -> Scene:
        """The backend before a server whose model is not loaded."""
        return Scene(self.backend, self.stand_in(), self.spec())

    def test_its_name_is_a_word_and_its_settings_have_defaults(self) -> None:
        """The configuration says `backend = "word"`, and nothing else unless somebody wants to."""
        assert self.backend.name.replace("-", "").replace("_", "").isalnum()
        if self.backend.Settings is not None:
            assert issubclass(self.backend.Settings, Struct)
            self.backend.Settings()
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert({"no such key": 1}, self.backend.Settings)

    def test_preparing_a_spec_twice_is_preparing_it_once(self) -> None:
        """The command that is shown and the one that runs are the same."""
        once = self.backend.prepare(self.spec())
        assert self.backend.prepare(once) == once
        assert once.model == self.spec().model

    def test_the_name_that_is_sent_is_a_text(self) -> None:
        """Empty means that the caller's own is left alone."""
        assert isinstance(self.backend.model_name(self.spec()), str)

    @pytest.mark.anyio
    async def test_where_nothing_listens_nothing_is_known(self, scene: Scene) -> None:
        """No probe raises, none guesses."""
        scene.line.cut = True
        assert await scene.backend.alive() is False
        assert await self._ready(scene) is False
        assert await scene.backend.busy() is None
        assert await scene.backend.resident() is None
        assert await scene.backend.describe() == Description()

    @pytest.mark.anyio
    async def test_a_loading_model_is_not_ready(self, scene: Scene) -> None:
        """No traffic early: whatever the server answers, `ready` waits for the model."""
        if scene.stand_in.loads_at_start:
            scene.stand_in.begin()
        ended = anyio.Event()

        async def load() -> None:
            await scene.backend.load()
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load)
            with anyio.fail_after(60 + scene.stand_in.load_s):
                while not (ended.is_set() and await scene.backend.ready()):
                    assert not (ended.is_set() and scene.stand_in.loaded), "it is, and not ready"
                    await anyio.sleep(0.25)
        assert scene.stand_in.loaded, "ready said yes to a model that is not there"

    @pytest.mark.anyio
    async def test_a_ready_server_tells_only_what_is_so(self, scene: Scene) -> None:
        """Positive numbers or nothing, and its own model among those in memory."""
        about = await scene.bring_up()
        for number in (about.parallel, about.context, about.memory):
            assert number is None or number > 0
        assert await scene.backend.alive() is True
        assert await scene.backend.busy() in (0, None)
        resident = await scene.backend.resident()
        assert resident is None or self._names(scene) & set(resident)

    @pytest.mark.anyio
    async def test_a_released_model_is_gone_or_its_process_must_go(self, scene: Scene) -> None:
        """What `release` leaves in memory is told as it is, for the launcher ends the process."""
        await scene.bring_up()
        with anyio.fail_after(PATIENCE):
            await scene.backend.release()
        resident = await scene.backend.resident()
        if resident is not None and not scene.stand_in.loaded:
            assert not self._names(scene) & set(resident)

    @pytest.mark.anyio
    async def test_a_server_that_stays_is_left_without_the_model(self, scene: Scene) -> None:
        """On return from `release` it is out of memory, by the stand-in's own word."""
        if not self.unloads:
            pytest.skip("its memory is freed with its process")
        await scene.bring_up()
        await scene.backend.release()
        assert not scene.stand_in.loaded

    @pytest.mark.anyio
    async def test_it_loads_again_after_a_release(self, scene: Scene) -> None:
        """A server that outlives its model is asked for it a second time."""
        await scene.bring_up()
        await scene.backend.release()
        await Scene(self.backend, scene.stand_in, self.spec()).bring_up()
        assert scene.stand_in.loaded

    @pytest.mark.anyio
    @pytest.mark.parametrize("status", [200, 404, 500])
    @pytest.mark.parametrize("text", ODD)
    async def test_odd_answers_are_nothing_known(
        self, scene: Scene, text: bytes, status: int
    ) -> None:
        """A stranger on the port, a newer server, a proxy's error page: never an exception."""
        scene.line.odd = Reply(status, text)
        await self._ready(scene)
        assert isinstance(await scene.backend.describe(), Description)
        busy, resident = await scene.backend.busy(), await scene.backend.resident()
        assert busy is None or busy >= 0
        assert resident is None or isinstance(resident, Mapping)

    @pytest.mark.anyio
    async def test_a_silent_server_holds_nobody_up(self, scene: Scene) -> None:
        """Every question ends by itself; it and every step ends at once when it is cancelled."""
        await scene.bring_up()
        scene.line.silent = True
        for question in self._questions(scene):
            with anyio.fail_after(PATIENCE):
                try:
                    await question()
                except (LoadFailed, StopFailed, UpstreamError):
                    pass
        for step in (*self._questions(scene), scene.backend.release):
            began = anyio.current_time()
            with anyio.move_on_after(0.5):
                await step()
            assert anyio.current_time() - began <= 0.5

    @pytest.mark.anyio
    async def test_its_abilities_know_nothing_where_nothing_listens(self, scene: Scene) -> None:
        """Those beyond the contract that are questions; see `plugin.capabilities`."""
        scene.line.cut = True
        if isinstance(scene.backend, ReportsMemory):
            assert await scene.backend.memory() is None
        if isinstance(scene.backend, ListsModels):
            assert not await scene.backend.models()
        if isinstance(scene.backend, TellsProgress):
            assert await scene.backend.reading() is None

    @pytest.mark.anyio
    async def test_a_server_that_sleeps_is_without_the_model_until_it_wakes(
        self, scene: Scene
    ) -> None:
        """`sleep` says yes only when the memory is free, `wake` brings the model back."""
        await scene.bring_up()
        backend = scene.backend
        if not isinstance(backend, CanSleep) or not await backend.sleep():
            pytest.skip("it does not sleep, or was not started for it")
        assert not scene.stand_in.loaded
        assert await self._ready(scene) is False
        await backend.wake()
        with anyio.fail_after(60 + scene.stand_in.load_s):
            await until_ready(scene.backend.ready, 0.02)
        assert scene.stand_in.loaded

    def _questions(self, scene: Scene) -> Sequence[Callable[[], Awaitable[object]]]:
        backend = scene.backend
        return (
            backend.alive,
            backend.ready,
            backend.busy,
            backend.resident,
            backend.describe,
        )

    async def _ready(self, scene: Scene) -> bool:
        try:
            return await scene.backend.ready()
        except LoadFailed:
            return False

    def _names(self, scene: Scene) -> set[str]:
        return {scene.server.spec.model, self.backend.model_name(scene.server.spec)}
