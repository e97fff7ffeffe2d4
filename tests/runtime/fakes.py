"""A model server that exists only as a few switches, with its launcher and backend."""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from jano_core.plugin.capabilities import Reading
from jano_core.plugin.contracts import Backend, Description, Launcher, Usage
from jano_core.plugin.server import Reply, Server, ServerSpec
from jano_core.runtime.life import ServerLife
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.runtime.supervisor import Supervisor
from jano_core.runtime.upstream import Upstream


class NoHttp:
    """Nobody should ask anything over HTTP here."""

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        raise AssertionError(path)

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        raise AssertionError(path)


class World:
    """What happens to the servers of one model, and what they and their supervisor did."""

    def __init__(self, **switches: Any) -> None:
        self.start_s = 1.0
        """How long the launcher's start takes."""
        self.load_s = 1.0
        """Start → ready."""
        self.stop_s = 1.0
        self.kill_s = 0.0
        self.start_error: Exception | None = None
        self.ready_error: Exception | None = None
        self.stop_error: Exception | None = None
        self.release_s = 0.0
        self.wake_s = 0.2
        self.sleeps = True
        """Where it can: does it go to sleep when told?"""
        self.backend: type[FakeBackend] = FakeBackend
        self.steps: list[str] = []
        self.adoptable = False
        self.stays = False
        self.resident: dict[str, int | None] | None = None
        self.answers = True
        vars(self).update(switches)
        self.did: list[str] = []
        self.reports: list[tuple[object, ...]] = []
        self.died = anyio.Event()
        self.why = "its process exited with status 1"
        self.log = LogBuffer()
        self.running = 0
        self.reported = anyio.Event()

    def supervisor(self) -> Supervisor:
        transport = httpx.MockTransport(lambda request: httpx.Response(200))
        return Supervisor(
            self.make, self, self.log, 0.02, connect=lambda url: Upstream(url, transport)
        )

    def make(self) -> ServerLife:
        spec = ServerSpec(model="chat", url="http://127.0.0.1:1", start_timeout=60, stop_timeout=10)
        server = Server(spec, http=NoHttp(), log=self.log.write)
        self.died = anyio.Event()
        return ServerLife(server, FakeLauncher(server, self), self.backend(server, self))

    def loaded(self, parallel: int | None, memory: int | None) -> None:
        self._report("loaded", parallel)

    def load_failed(self, message: str, detail: str) -> None:
        self._report("load_failed", message)

    def unloaded(self, error: str) -> None:
        self._report("unloaded", error)

    def crashed(self, message: str, detail: str) -> None:
        self._report("crashed", message)

    def step(self, step: str, seconds: float) -> None:
        self.steps.append(step)

    def progress(self, fraction: float | None, note: str) -> None:
        self._report("progress", fraction)

    def _report(self, *what: object) -> None:
        self.reports.append((*what, anyio.current_time() - self.began))
        self.reported.set()
        self.reported = anyio.Event()

    began = 0.0

    async def until(self, word: str, count: int = 1) -> None:
        while [report[0] for report in self.reports].count(word) < count:
            await self.reported.wait()


class FakeLauncher(Launcher):
    name = "fake"

    def __init__(self, server: Server, world: World) -> None:
        super().__init__(server)
        self.world = world
        self.alive = False

    @property
    def stays(self) -> bool:
        return self.world.stays

    async def adopt(self) -> bool:
        self.alive = self.world.adoptable
        self.world.running += self.alive
        return self.alive

    async def start(self) -> None:
        self.world.did.append("start")
        await anyio.sleep(self.world.start_s)
        if self.world.start_error:
            raise self.world.start_error
        self.alive = True
        self.world.running += 1
        assert self.world.running == 1, "two servers of one model at once"

    async def verify(self) -> None:
        self.world.did.append("verify")

    async def wait(self) -> str:
        await self.world.died.wait()
        return self.world.why

    async def stop(self) -> None:
        self.world.did.append("stop")
        await self._end(self.world.stop_s)

    async def kill(self) -> None:
        self.world.did.append("kill")
        await self._end(self.world.kill_s)

    async def _end(self, seconds: float) -> None:
        if self.alive:
            await anyio.sleep(seconds)
            if self.world.stop_error:
                raise self.world.stop_error
            self.alive = False
            self.world.running -= 1


class FakeBackend(Backend):
    name = "fake"

    def __init__(self, server: Server, world: World) -> None:
        super().__init__(server)
        self.world = world
        self.made = anyio.current_time()

    async def alive(self) -> bool:
        if not self.world.answers:
            await anyio.sleep_forever()
        return not self.world.died.is_set()

    async def ready(self) -> bool:
        if self.world.ready_error:
            raise self.world.ready_error
        since = anyio.current_time() - self.made
        return self.world.adoptable or since >= self.world.start_s + self.world.load_s

    async def resident(self) -> dict[str, int | None] | None:
        return self.world.resident

    async def describe(self) -> Description:
        return Description(parallel=4)

    async def release(self) -> None:
        self.world.did.append("release")
        await anyio.sleep(self.world.release_s)


class Sleepy(FakeBackend):
    """One whose server can sleep."""

    async def sleep(self) -> bool:
        self.world.did.append("sleep")
        return self.world.sleeps

    async def wake(self) -> None:
        self.world.did.append("wake")
        await anyio.sleep(self.world.wake_s)

    async def ready(self) -> bool:
        return "sleep" in self.world.did or await super().ready()


class Keeper(Sleepy):
    """One whose server keeps its cache over a life, and reads `restore_error` where it is set."""

    restore_error: Exception | None = None

    async def save_cache(self) -> int:
        self.world.did.append("save")
        return 7

    async def restore_cache(self) -> int:
        self.world.did.append("restore")
        if self.restore_error:
            raise self.restore_error
        return 7

    async def reading(self) -> Reading | None:
        return Reading(1536, 4000)

    def answered(self, usage: Usage) -> None:
        self.world.did.append(f"answered {usage.cached_tokens}")
