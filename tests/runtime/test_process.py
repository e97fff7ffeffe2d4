"""Real child processes: heard, ended with all they started, never outliving Jano."""

from __future__ import annotations

import os
import signal
import sys

import anyio
import pytest

from jano_core.errors import LoadFailed
from jano_core.runtime.log_buffer import LogBuffer
from jano_core.runtime.process import GuardedProcess
from tests.processes import alive, commands
from tests.runtime.servers import FAMILY, all_gone, python, start, until

pytestmark = [pytest.mark.anyio, pytest.mark.wire]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's child subreaper")


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: Jano serves on uvloop, which starts processes in a way of its own."""
    return "asyncio", {"use_uvloop": request.param}


async def heard(process: GuardedProcess, said: list[str], word: str) -> None:
    """Let the process run until it said `word`."""
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.wait)
            await until(lambda: word in "".join(said))
            tasks.cancel_scope.cancel()


async def test_output_and_status() -> None:
    said: list[str] = []
    code = r"import sys; sys.stdout.buffer.write(b'caf\xc3\xa9 \xff'); sys.exit('bad')"
    process = await start(*python(code), output=said.append)
    assert await process.wait() == "exited with status 1"
    assert "".join(said) == "café \ufffdbad\n"
    await process.end(())


async def test_the_signal_that_ended_it_is_named() -> None:
    process = await start(*python("import os; os.kill(os.getpid(), 9)"))
    assert await process.wait() == "was killed by SIGKILL"
    await process.end(())


async def test_what_cannot_be_run_is_named() -> None:
    with pytest.raises(LoadFailed, match=r"'/no/such/server': No such file"):
        await start("/no/such/server")
    with pytest.raises(LoadFailed, match=r"'/no/folder'"):
        await GuardedProcess.start(["true"], env={}, cwd="/no/folder", output=print)


async def test_it_gets_exactly_its_environment_and_default_signals() -> None:
    said: list[str] = []
    code = """
import os, signal
print(sorted(os.environ.items()), os.getcwd(), os.read(0, 1))
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, os.getsid(0) == os.getpid())
print(max(map(int, os.listdir("/dev/fd"))))
"""
    stray = os.open("/", os.O_RDONLY)
    os.set_inheritable(stray, True)
    process = await GuardedProcess.start(
        (sys.executable, "-I", "-c", code), env={"A": "b"}, cwd="/", output=said.append
    )
    await process.wait()
    await process.end(())
    environment, _, rest = "".join(said).partition("] ")
    assert "('A', 'b')" in environment and "PATH" not in environment and "JANO" not in environment
    assert rest.split() == ["/", "b''", "True", "True", "3"]  # 3 is the listing itself
    os.close(stray)


async def test_a_flood_without_a_newline_neither_blocks_nor_grows() -> None:
    log = LogBuffer()
    code = "import sys; sys.stdout.write('x' * 10_000_000); sys.stdout.flush(); sys.exit('end')"
    process = await start(*python(code), output=log.write)
    with anyio.fail_after(30):
        assert await process.wait() == "exited with status 1"
    assert log.history().endswith("xend\n") and len(log.history()) <= 102400
    await process.end(())


@linux_only
async def test_the_whole_family_is_ended_even_who_left_and_who_ignores_sigterm() -> None:
    said: list[str] = []
    process = await start("bash", "-c", FAMILY, output=said.append)
    await heard(process, said, "up")
    await until(lambda: len(process.tree) >= 4)
    assert process._guard
    tree = process.tree - {process._guard.pid}
    await process.end((0.2, 0.1))
    await all_gone(tree)
    assert await process.wait() == "was killed by SIGTERM"


async def test_a_polite_grandchild_gets_its_time() -> None:
    said: list[str] = []
    polite = "trap 'sleep 0.4; echo saved; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    process = await start("bash", "-c", f"({polite}) & wait", output=said.append)
    await heard(process, said, "up")
    await process.end((10.0,))
    assert "saved" in "".join(said)


@linux_only
async def test_a_polite_stray_gets_its_time() -> None:
    said: list[str] = []
    polite = "trap 'sleep 0.4; echo saved; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    process = await start(
        "bash", "-c", f'(setsid bash -c "{polite}" &); exec sleep 300', output=said.append
    )
    await heard(process, said, "up")
    await process.end((10.0,))
    assert "saved" in "".join(said)


async def test_who_leaves_only_at_the_second_sigterm_is_not_killed() -> None:
    code = """
import signal, sys, time
asked = 0
def on_term(*args):
    global asked
    asked += 1
    if asked == 2:
        print("second", flush=True); sys.exit(1)
signal.signal(signal.SIGTERM, on_term); print("up", flush=True)
while True: time.sleep(60)
"""
    said: list[str] = []
    process = await start(*python(code), output=said.append)
    await heard(process, said, "up")
    await process.end((0.1, 10.0))
    assert "second" in "".join(said)
    assert await process.wait() == "exited with status 1"


async def test_cancelled_while_starting_nothing_is_left() -> None:
    marker = f"sleep 3{os.getpid()}"
    with anyio.move_on_after(0):
        await start("sh", "-c", f"exec {marker}")
    assert not any(marker in command for command in commands().values())


@linux_only
async def test_killing_the_guard_ends_what_it_guarded() -> None:
    process = await start("bash", "-c", "sleep 300 & wait")
    await until(lambda: len(process.tree) == 3)
    tree = process.tree
    assert process._guard
    os.kill(process._guard.pid, signal.SIGKILL)
    assert "guard" in await process.wait()
    await process.end(())
    await all_gone(tree)


JANO_LIKE = """
import os, sys, anyio
from jano_core.runtime.process import GuardedProcess
async def main():
    process = await GuardedProcess.start(
        ["bash", "-c", sys.argv[1]], env=dict(os.environ), cwd="", output=lambda text: None)
    while len(process.tree) < 5:
        await anyio.sleep(0.02)
    print(*process.tree, flush=True)
    await process.wait()
anyio.run(main)
"""


@linux_only
async def test_kill_9_of_jano_leaves_no_orphan() -> None:
    jano = await anyio.open_process(python(JANO_LIKE, FAMILY), stderr=None)
    assert jano.stdout
    with anyio.fail_after(20):
        tree = {int(pid) for pid in (await jano.stdout.receive()).split()}
    assert all(map(alive, tree))
    os.kill(jano.pid, signal.SIGKILL)
    await jano.aclose()
    await all_gone(tree)
