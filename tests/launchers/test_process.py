"""`launch = "process"` with real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.errors import LoadFailed
from jano_core.launchers.process import ProcessLauncher
from jano_core.plugin.openai_backend import OpenAIBackend
from jano_core.plugin.server import ServerSpec
from jano_core.runtime import ports, sweep
from jano_core.runtime.life import ServerLife, new_life
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.runtime.readiness import until_ready
from tests.processes import alive
from tests.runtime.servers import HTTP, python, until

pytestmark = [pytest.mark.anyio, pytest.mark.wire]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")


def life(log: LogBuffer, state_folder: Path | None = None, **keys: Any) -> ServerLife:
    keys = {"cmd": python(HTTP, "${PORT}"), "env": dict(os.environ), "stop_timeout": 5.0, **keys}
    return new_life(
        ServerSpec(model="chat", **keys),
        ProcessLauncher,
        OpenAIBackend,
        log=log.write,
        progress=lambda fraction, note: None,
        state_folder=state_folder,
    )


@asynccontextmanager
async def running(made: ServerLife) -> AsyncIterator[ServerLife]:
    """Started, ready, heard; gone afterwards."""
    await made.launcher.start()
    pid = made.server.pid
    assert pid
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.launcher.wait)
            with anyio.fail_after(20):
                await until_ready(made.backend.ready, 0.02)
            yield made
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await made.launcher.stop()
    assert not alive(pid)


async def test_a_free_port_is_put_in_and_verified() -> None:
    async with running(life(LogBuffer())) as made:
        assert made.server.url.startswith("http://127.0.0.1:")
        assert "${PORT}" not in made.server.url
        await made.launcher.verify()
        assert (await made.server.http.get("/")).body == b"ok"


@pytest.fixture
def foreign() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Somebody else's server."""
    port = ports.free_port()
    process = subprocess.Popen(python(HTTP, str(port)))
    yield process, port
    process.kill()
    process.wait()


@linux_only
async def test_a_taken_port_names_its_holder(foreign: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = foreign
    await until(lambda: ports.holder(port) is not None)
    made = life(LogBuffer(), cmd=python(HTTP, str(port)), url=f"http://127.0.0.1:{port}")
    with pytest.raises(
        LoadFailed, match=rf"port {port} is taken by process {process.pid} \(python"
    ):
        await made.launcher.start()
    assert made.server.pid is None


@linux_only
async def test_a_stranger_on_the_port_is_not_taken_for_the_model() -> None:
    made = life(LogBuffer(), cmd=("sleep", "300", "${PORT}0"))
    await made.launcher.start()
    port = int(made.server.url.rpartition(":")[2])
    stranger = await anyio.open_process(python(HTTP, str(port)))
    try:
        await until(lambda: ports.holder(port) is not None)
        assert await made.backend.alive()
        with pytest.raises(LoadFailed, match=rf"belongs to process {stranger.pid} \(python"):
            await made.launcher.verify()
    finally:
        stranger.kill()
        await stranger.aclose()
        await made.launcher.stop()


async def test_cwd_env_and_model_reach_the_command(tmp_path: Path) -> None:
    log = LogBuffer()
    made = life(
        log,
        cmd=("sh", "-c", "echo $0 $A $PWD", "${MODEL}"),
        env={"A": "b", "PATH": os.environ["PATH"]},
        cwd=str(tmp_path),
    )
    await made.launcher.start()
    assert await made.launcher.wait() == "its process exited with status 0"
    await made.launcher.stop()
    assert log.history() == f"chat b {tmp_path}\n"


async def test_cmd_stop_stands_for_the_first_signal() -> None:
    log = LogBuffer()
    stop = "echo stopping ${MODEL} ${PORT} ${PID}; kill -9 ${PID}"
    async with running(life(log, cmd_stop=("sh", "-c", stop))) as made:
        port = made.server.url.rpartition(":")[2]
    assert f"stopping chat {port} {made.server.pid}\n" in log.history()
    assert await made.launcher.wait() == "its process was killed by SIGKILL"


@pytest.mark.parametrize("cmd_stop", [("false",), ("/no/such/command",), ("sleep", "300")])
async def test_a_cmd_stop_that_does_not_help_is_followed_by_signals(cmd_stop: tuple[str]) -> None:
    async with running(life(LogBuffer(), cmd_stop=cmd_stop, stop_timeout=0.2)) as made:
        pass
    assert await made.launcher.wait() == "its process was killed by SIGTERM"


@linux_only
async def test_it_is_written_down_while_it_runs(tmp_path: Path) -> None:
    async with running(life(LogBuffer(), tmp_path)) as made:
        [record] = (tmp_path / sweep.FOLDER).iterdir()
        assert record.name == f"{made.server.pid}.json"
        assert sweep.sweep(tmp_path) == []
    assert list((tmp_path / sweep.FOLDER).iterdir()) == []


async def test_it_runs_where_nothing_can_be_written_down(tmp_path: Path) -> None:
    folder, log = tmp_path / "state", LogBuffer()
    folder.write_text("in the place of the folder")
    async with running(life(log, state_folder=folder)):
        assert "cannot be written down" in log.history()


async def test_kill_takes_no_time() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"
    made = life(LogBuffer(), cmd=python(stubborn), url="http://127.0.0.1:9", stop_timeout=600.0)
    await made.launcher.start()
    with anyio.fail_after(10):
        await made.launcher.kill()
    assert made.server.pid and not alive(made.server.pid)


async def test_stop_before_start_is_nothing() -> None:
    await life(LogBuffer()).launcher.stop()


def test_a_process_needs_a_command() -> None:
    assert list(ProcessLauncher.check(ServerSpec(model="chat"))) == ['launch = "process" needs cmd']
    assert list(ProcessLauncher.check(ServerSpec(model="chat", cmd=("x",)))) == []
