"""What every launcher must keep, as tests that anybody can run on theirs.

from jano_core.testing.launcher_contract import LauncherContract

class TestMine(LauncherContract):
    launcher = MyLauncher
    def spec(self):
        return ServerSpec(model="chat", cmd=("sleep", "60"), env=dict(os.environ))
    def living(self, server):
        return ...                      # does anything of it run, by the system's word?
    async def crash(self, server):
        ...                             # end it from outside, as an accident would

They run against the real thing, or against a stand-in for what the launcher orders about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import anyio
import pytest

from ..errors import LoadFailed
from ..plugin.contracts import Launcher
from ..plugin.server import Server, ServerSpec
from ..runtime.readiness import ServerHttp

PATIENCE = 20.0
"""Real seconds that anything here may take."""


class LauncherContract(ABC):
    """Subclass it in a test module under a name that pytest collects; give it `launcher`, `spec`,
    `living` and `crash`.
    """

    launcher: ClassVar[type[Launcher]]
    broken_spec: ClassVar[ServerSpec | None] = None
    """One whose `start` must fail, where there is such a thing."""
    watches: ClassVar[bool] = True
    """Does it notice that its server has ended? Not where that is nobody's process."""
    owns: ClassVar[bool] = True
    """Does it end what it has started?"""

    @abstractmethod
    def spec(self) -> ServerSpec:
        """A model's table that works, with a `stop_timeout` of a few seconds."""

    @abstractmethod
    def living(self, server: Server) -> bool:
        """Does anything of the server run, by the word of whoever runs it?"""

    @abstractmethod
    async def crash(self, server: Server) -> None:
        """End the server from outside, as an accident would; returns when it is gone."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Real time, as the things that are launched live in."""
        return "asyncio"

    def make(self, spec: ServerSpec, folder: Path) -> Launcher:
        """A launcher for one life of a server; `folder` is its state folder."""
        http = ServerHttp(lambda: server.url)
        server = Server(spec, http=http, log=lambda text: None, state_folder=folder)
        return self.launcher(server)

    @pytest.fixture
    def made(self, tmp_path: Path) -> Launcher:
        """A launcher whose server was not started."""
        return self.make(self.spec(), tmp_path)

    def test_its_name_is_a_word(self) -> None:
        """The configuration says `launch = "word"`."""
        assert self.launcher.name.replace("-", "").replace("_", "").isalnum()

    def test_it_checks_what_it_is_given(self) -> None:
        """A good table gives it nothing to say; an empty one is told in words, not by a crash."""
        assert list(self.launcher.check(self.spec())) == []
        for text in self.launcher.check(ServerSpec(model="chat")):
            assert isinstance(text, str) and text

    @pytest.mark.anyio
    async def test_it_starts_and_on_return_from_stop_it_is_gone(self, made: Launcher) -> None:
        """The next model's memory depends on it."""
        async with self._running(made) as server:
            assert server.url
            await made.stop()
            assert self.living(server) is not self.owns

    @pytest.mark.anyio
    async def test_kill_ends_it_as_well(self, made: Launcher) -> None:
        """For a server that hangs."""
        async with self._running(made) as server:
            await made.kill()
            assert self.living(server) is not self.owns

    @pytest.mark.anyio
    async def test_stop_may_be_called_twice(self, made: Launcher) -> None:
        """Whoever is not sure asks again."""
        async with self._running(made):
            await made.stop()
            await made.stop()

    @pytest.mark.anyio
    async def test_stop_before_any_start_is_nothing(self, made: Launcher) -> None:
        """A load that failed early is put away like any other."""
        await made.stop()

    @pytest.mark.anyio
    async def test_wait_says_why_it_ended(self, made: Launcher) -> None:
        """A crash is noticed at once, and told in words; what is left is then put away."""
        if not self.watches:
            pytest.skip("nobody's process: that it is gone shows when a request cannot reach it")
        async with self._running(made) as server:
            told: list[str] = []

            async def hear() -> None:
                told.append(await made.wait())

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hear)
                await self.crash(server)
            assert told[0]
            await made.stop()
            assert not self.living(server)

    @pytest.mark.anyio
    async def test_wait_can_be_cancelled_and_asked_again(self, made: Launcher) -> None:
        """The supervisor waits beside other things."""
        async with self._running(made) as server:
            for _ in range(2):
                with anyio.move_on_after(0.05) as waiting:
                    await made.wait()
                assert waiting.cancelled_caught, "it lives, and was said to have ended"
            assert self.living(server)

    @pytest.mark.anyio
    async def test_a_start_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        """Raises `LoadFailed`, in words."""
        if self.broken_spec is None:
            pytest.skip("no start of this kind can fail")
        made = self.make(self.broken_spec, tmp_path)
        with anyio.fail_after(PATIENCE), pytest.raises(LoadFailed, match=r"\w"):
            await made.start()
        assert not self.living(made.server)

    @pytest.mark.anyio
    async def test_a_start_that_is_cancelled_leaves_nothing(self, tmp_path: Path) -> None:
        """A load that nobody waits for any more, given up at any moment."""
        if not self.owns:
            pytest.skip("it starts nothing")
        for patience in (0.0, 0.01, 0.05, 0.2):
            made = self.make(self.spec(), tmp_path)
            with anyio.move_on_after(patience) as given_up:
                await made.start()
            assert not (given_up.cancelled_caught and self.living(made.server))
            with anyio.CancelScope(shield=True), anyio.fail_after(PATIENCE):
                await made.stop()
            assert not self.living(made.server)

    @pytest.mark.anyio
    async def test_nothing_is_adopted_where_nothing_runs(self, made: Launcher) -> None:
        """At the start of Jano."""
        if not self.owns:
            pytest.skip("it runs whatever Jano does")
        with anyio.fail_after(PATIENCE):
            assert await made.adopt() is False

    @pytest.mark.anyio
    async def test_what_stays_is_found_again(self, made: Launcher, tmp_path: Path) -> None:
        """A server that outlives Jano is adopted by the next one, which can end it."""
        if not made.stays:
            pytest.skip("it ends with Jano")
        async with self._running(made) as server:
            heir = self.make(self.spec(), tmp_path)
            with anyio.fail_after(PATIENCE):
                assert await heir.adopt() is True
                assert heir.server.url == server.url
                await heir.stop()
            assert self.living(heir.server) is not self.owns

    @asynccontextmanager
    async def _running(self, made: Launcher) -> AsyncIterator[Server]:
        """Started; gone afterwards, whatever happens in between."""
        with anyio.fail_after(PATIENCE):
            try:
                await made.start()
                while not self.living(made.server):  # noqa: ASYNC110 - nobody tells
                    await anyio.sleep(0.01)
                yield made.server
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(PATIENCE):
                    await made.stop()
