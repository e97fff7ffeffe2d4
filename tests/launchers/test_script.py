"""`launch = "script"`: contract section 6, with real scripts."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import httpx
import pytest

from jano_core.errors import LoadFailed
from jano_core.launchers.script import ScriptLauncher, says_loaded
from jano_core.plugin.server import Server, ServerSpec
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.runtime.readiness import ServerHttp
from tests.processes import alive
from tests.runtime.servers import until

pytestmark = [pytest.mark.anyio, pytest.mark.wire]


class Script:
    """A swap script and the launcher that calls it for model `code`."""

    def __init__(self, folder: Path, text: str, health: int = 503) -> None:
        self.log = LogBuffer()
        self.progress: list[tuple[float | None, str]] = []
        path = folder / "swap.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        spec = ServerSpec(
            model="code", cmd=(str(path), "-v"), url="http://127.0.0.1:1", env=dict(os.environ)
        )
        server = Server(
            spec,
            http=ServerHttp(
                lambda: spec.url, httpx.MockTransport(lambda request: httpx.Response(health))
            ),
            log=self.log.write,
            progress=lambda fraction, note: self.progress.append((fraction, note)),
            coming_from="chat",
            router_url="http://127.0.0.1:8082",
        )
        self.launcher = ScriptLauncher(server)


async def test_arguments_environment_and_log(tmp_path: Path) -> None:
    script = Script(tmp_path, 'echo "$@" $JANO_MODEL $JANO_FROM $JANO_URL; echo oops >&2')
    await script.launcher.start()
    assert script.log.history() == "-v code code chat http://127.0.0.1:8082\noops\n"
    await script.launcher.stop()


async def test_what_waiting_clients_are_told(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        "echo jano:progress 0.4; echo jano:note reading weights; echo jano:progress much;"
        "echo jano:progress 7; echo other",
    )
    await script.launcher.start()
    assert script.progress == [(0.4, ""), (0.4, "reading weights"), (1.0, "reading weights")]
    assert "jano:progress 0.4\n" in script.log.history()


async def test_an_error_is_a_failed_load(tmp_path: Path) -> None:
    script = Script(tmp_path, "echo no GPU; exit 3")
    with pytest.raises(LoadFailed, match="status 3"):
        await script.launcher.start()
    assert script.log.history() == "no GPU\n"


async def test_a_script_that_cannot_be_run(tmp_path: Path) -> None:
    script = Script(tmp_path, "")
    (tmp_path / "swap.sh").unlink()
    with pytest.raises(LoadFailed, match="cannot run"):
        await script.launcher.start()
    assert not await script.launcher.adopt()


async def test_cancelled_its_whole_group_is_ended(tmp_path: Path) -> None:
    script = Script(tmp_path, "trap '' TERM; sleep 300 & echo $$ $!; while :; do wait; done")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(script.launcher.start)
        await until(lambda: script.log.history().endswith("\n"))
        tasks.cancel_scope.cancel()
    pids = [int(pid) for pid in script.log.history().split()]
    await until(lambda: not any(map(alive, pids)))


async def test_what_it_starts_in_the_background_stays(tmp_path: Path) -> None:
    script = Script(tmp_path, "nohup sleep 300 >/dev/null 2>&1 & echo $!")
    await script.launcher.start()
    server = int(script.log.history())
    try:
        await script.launcher.stop()
        assert alive(server)
    finally:
        os.kill(server, 9)


async def test_who_stays_in_the_background_is_heard_on(tmp_path: Path) -> None:
    script = Script(tmp_path, "(sleep 0.5; echo later) & echo up")
    with anyio.fail_after(10):
        await script.launcher.start()
        assert script.log.history().startswith("up\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(script.launcher.wait)
            await until(lambda: "later" in script.log.history())
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("code: loaded", True),
        ("chat: unloaded\n- Code:  LOADED (4 GiB)\n", True),
        ("my-code: loaded", False),
        ("code-13b: loaded", False),
        ("org/code: loaded", False),
        ("code: loadedish", False),
        ("code: unloaded", False),
        ("", False),
    ],
)
def test_says_loaded(text: str, loaded: bool) -> None:
    assert says_loaded(text, "code") is loaded


@pytest.mark.parametrize(
    ("status", "health", "adopted"),
    [
        ("echo code: loaded", 503, True),
        ("echo my-code: loaded", 200, False),  # another is loaded, whatever answers there
        ("echo nothing to tell", 200, True),
        ("exit 1", 200, True),
        ("exit 1", 503, False),
    ],
)
async def test_adoption(tmp_path: Path, status: str, health: int, adopted: bool) -> None:
    script = Script(tmp_path, f'[ "$2" = status ] || exit 9; {status}', health)
    assert await script.launcher.adopt() is adopted


def test_what_a_script_needs() -> None:
    assert len(list(ScriptLauncher.check(ServerSpec(model="code")))) == 2
    good = ServerSpec(model="code", cmd=("swap",), url="http://127.0.0.1:1")
    assert list(ScriptLauncher.check(good)) == []
