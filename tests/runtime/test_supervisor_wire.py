"""One supervisor with a real server: the same stories as on the jumping clock, for once in full."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from jano_core.launchers.process import ProcessLauncher
from jano_core.plugin.openai_backend import OpenAIBackend
from jano_core.plugin.server import ServerSpec
from jano_core.runtime.life import ServerLife, new_life
from jano_core.runtime.supervisor import Supervisor
from tests.processes import alive
from tests.runtime.fakes import World
from tests.runtime.servers import HTTP, all_gone, python

pytestmark = [pytest.mark.anyio, pytest.mark.wire]


class RealWorld(World):
    """The reports go to the same notebook; the server is a real one."""

    pid = 0
    cmd = python(HTTP, "${PORT}")

    def supervisor(self) -> Supervisor:
        return Supervisor(self.make, self, self.log)

    def make(self) -> ServerLife:
        self.life = new_life(
            ServerSpec(model="chat", cmd=self.cmd, env=dict(os.environ)),
            ProcessLauncher,
            OpenAIBackend,
            log=self.log.write,
            progress=self.progress,
        )
        return self.life

    def loaded(self, parallel: int | None, memory: int | None) -> None:
        assert self.life.server.pid
        self.pid = self.life.server.pid
        super().loaded(parallel, memory)


async def test_killed_loaded_again_and_gone_with_its_supervisor() -> None:
    world = RealWorld()
    supervisor = world.supervisor()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            supervisor.load()
            await world.until("loaded")
            os.kill(world.pid, signal.SIGKILL)
            await world.until("crashed")
            assert world.reports[-1][1] == "its process was killed by SIGKILL"
            supervisor.load()
            await world.until("loaded", 2)
            assert await supervisor.verdict("connection reset")
            assert alive(world.pid)
            tasks.cancel_scope.cancel()
    await all_gone({world.pid})


async def test_an_exit_while_loading_is_told_with_its_last_words() -> None:
    world = RealWorld(cmd=python("raise SystemExit('no such model: chat.gguf')", "${PORT}"))
    supervisor = world.supervisor()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            supervisor.load()
            await world.until("load_failed")
            tasks.cancel_scope.cancel()
    assert world.reports[-1][1] == "its process exited with status 1 before it was ready"
    assert "no such model: chat.gguf" in world.log.tail(20)
