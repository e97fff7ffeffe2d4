"""Guard processes: one serves for many servers, none is left behind, nothing passes between two."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from jano_core.errors import LoadFailed
from jano_core.runtime import guards
from jano_core.runtime.process import GuardedProcess
from tests.processes import alive, open_files
from tests.runtime.servers import all_gone, python, start, until

pytestmark = [pytest.mark.anyio, pytest.mark.wire]
HEARS = "import os; print(sorted(os.environ), os.getcwd(), flush=True)"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
async def nobody_is_kept() -> AsyncIterator[None]:
    await guards.dismiss_all()
    yield
    await guards.dismiss_all()


def guard_of(process: GuardedProcess) -> int:
    assert process._guard
    return process._guard.pid


async def test_the_next_server_gets_the_same_guard_and_nothing_of_the_last_one() -> None:
    said: list[list[str]] = [[], []]
    where = Path.cwd()
    command = (sys.executable, "-I", "-c", HEARS)
    seen = []
    for number, (env, cwd) in enumerate([({"A": "1"}, "/"), ({"B": "2"}, "")]):
        process = await GuardedProcess.start(command, env=env, cwd=cwd, output=said[number].append)
        seen.append(guard_of(process))
        assert await process.wait() == "exited with status 0"
        await process.end(())
    assert seen[0] == seen[1]
    first, second = ("".join(text) for text in said)
    assert "'A'" in first and first.endswith(" /\n")
    assert "'B'" in second and "'A'" not in second and second.endswith(f" {where}\n")


async def test_two_servers_have_a_guard_each_and_one_guard_is_kept() -> None:
    one, two = await start("sleep", "300"), await start("sleep", "300")
    pids = {guard_of(one), guard_of(two)}
    assert len(pids) == 2
    for process in (one, two):
        await process.end((1.0,))
    assert len([pid for pid in pids if alive(pid)]) == 1
    await guards.dismiss_all()
    await all_gone(pids)


async def test_what_cannot_be_run_costs_no_guard() -> None:
    with pytest.raises(LoadFailed):
        await start("/no/such/server")
    (kept,) = guards._idle
    process = await start("true")
    assert guard_of(process) == kept.pid
    assert await process.wait() == "exited with status 0"
    await process.end(())


async def test_a_kept_guard_that_died_is_not_used() -> None:
    process = await start("true")
    pid = guard_of(process)
    await process.end((1.0,))
    os.kill(pid, signal.SIGKILL)
    await all_gone({pid})
    process = await start("true")
    assert guard_of(process) != pid
    await process.end((1.0,))


async def test_a_guard_that_takes_no_orders_fails_the_load_and_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = await start("true")
    pid = guard_of(process)
    await process.end((1.0,))
    monkeypatch.setattr(guards, "ORDER_S", 0.1)
    os.kill(pid, signal.SIGSTOP)
    env = {f"N{number}": "x" * 100_000 for number in range(20)}  # more than the line holds
    with anyio.fail_after(10), pytest.raises(LoadFailed, match="guard"):
        await GuardedProcess.start(["true"], env=env, cwd="", output=print)
    await all_gone({pid})


async def test_an_environment_may_be_large_and_odd() -> None:
    said: list[str] = []
    env = {"BIG": "x" * 100_000, "ODD": "a=b\nc\udcff", "EMPTY": ""}
    code = "import os; e = os.environ; print(len(e['BIG']), ascii(e['ODD']), repr(e['EMPTY']))"
    process = await GuardedProcess.start(
        (sys.executable, "-I", "-c", code, ""), env=env, cwd="", output=said.append
    )
    await process.wait()
    await process.end(())
    assert "".join(said) == "100000 'a=b\\nc\\udcff' ''\n"


async def test_many_servers_leave_no_open_files() -> None:
    async def one_life() -> None:
        process = await start("true")
        await process.wait()
        await process.end(())

    await one_life()
    before = open_files(os.getpid())
    for _ in range(10):
        await one_life()
    assert open_files(os.getpid()) == before


async def test_an_order_to_end_that_comes_too_late_does_not_reach_the_next_server() -> None:
    process = await start("true")
    last = process._guard
    assert last
    await process.end((1.0,))
    await last.tell(guards.KILL)
    process = await start("sleep", "300")
    assert process._guard is last
    assert not await process.gone_within(0.3)
    await process.end((1.0,))


IDLE = """
import os, anyio
from jano_core.runtime.process import GuardedProcess
async def main():
    process = await GuardedProcess.start(["true"], env={"PATH": os.environ["PATH"]}, cwd="",
                                         output=lambda text: None)
    pid = process._guard.pid
    await process.end((1.0,))
    print(pid, flush=True)
    await anyio.sleep_forever()
anyio.run(main)
"""


async def test_a_kept_guard_ends_with_jano_however_jano_ends() -> None:
    jano = await anyio.open_process(python(IDLE), stderr=None)
    assert jano.stdout
    with anyio.fail_after(20):
        pid = int(await jano.stdout.receive())
    assert alive(pid)
    os.kill(jano.pid, signal.SIGKILL)
    await jano.aclose()
    await until(lambda: not alive(pid))
