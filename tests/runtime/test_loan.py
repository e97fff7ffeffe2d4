"""Memory that a server takes for its model, and has to give back."""

from __future__ import annotations

import subprocess

import anyio
import pytest

from jano_core.plugin.server import Server, ServerSpec
from jano_core.runtime.life import ServerLife
from jano_core.runtime.loan import PATIENCE_S, WORTH_COUNTING, Loan, by_the_system
from jano_core.runtime.memory_use import Memory
from jano_core.runtime.ports import free_port
from jano_core.runtime.process_tree import LINUX
from tests.runtime.fakes import FakeBackend, FakeLauncher, NoHttp, World
from tests.runtime.servers import python

GIB = 2**30

GROWS = """
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()
print("up", flush=True)
for line in sys.stdin:
    held = b"x" * int(line)
    print("done", flush=True)
"""


def life(url: str = "http://127.0.0.1:1") -> ServerLife:
    world = World()
    server = Server(ServerSpec(model="chat", url=url), http=NoHttp(), log=world.log.write)
    return ServerLife(server, FakeLauncher(server, world), FakeBackend(server, world))


async def story(*readings: Memory | None) -> str:
    """Before the load, when ready, before the unloading, and then for as long as it is asked."""
    coming = list(readings)

    async def weigh(parts: ServerLife) -> Memory | None:
        return coming.pop(0) if len(coming) > 1 else coming[0]

    loan, parts = Loan(weigh), life()
    await loan.open(parts)
    await loan.draw(parts)
    await loan.call_in(parts)
    return await loan.repaid(parts)


def gpu(gib: float) -> Memory:
    return Memory("GPU", round(gib * GIB))


@pytest.mark.anyio
async def test_what_comes_back_in_time_is_waited_for() -> None:
    began = anyio.current_time()
    assert await story(gpu(1), gpu(9), gpu(10), gpu(10), gpu(8), gpu(5)) == ""
    assert 0 < anyio.current_time() - began < PATIENCE_S


@pytest.mark.anyio
async def test_what_does_not_come_back_is_told() -> None:
    held = "its server still holds 9.5 GiB of GPU"
    assert await story(gpu(1), gpu(9), gpu(10), gpu(9.5)) == held


@pytest.mark.anyio
@pytest.mark.parametrize(
    "readings",
    [
        [None],
        [gpu(9), gpu(9), gpu(9)],
        [gpu(9), Memory("GPU", 9 * GIB + WORTH_COUNTING - 1), gpu(9.1)],
        [gpu(1), gpu(9), Memory("RAM", 9 * GIB)],
        [gpu(1), gpu(9), gpu(9), None],
    ],
    ids=["nobody tells", "it had the model before", "too little", "of another kind", "it is gone"],
)
async def test_what_is_not_known_is_not_asked_for(readings: list[Memory | None]) -> None:
    began = anyio.current_time()
    assert await story(*readings) == ""
    assert anyio.current_time() == began


@pytest.mark.wire
@pytest.mark.skipif(not LINUX, reason="only Linux tells through /proc")
@pytest.mark.anyio
async def test_a_real_server_is_found_by_its_port_and_weighed() -> None:
    port = free_port()
    program = subprocess.Popen(  # noqa: ASYNC220 (it returns at once)
        python(GROWS, str(port)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdin and program.stdout

    def say(line: str) -> None:
        assert program.stdin and program.stdout
        program.stdin.write(line)
        program.stdin.flush()
        program.stdout.readline()

    try:
        say("")
        parts, loan = life(f"http://127.0.0.1:{port}"), Loan(by_the_system)
        await loan.open(parts)
        say(f"{2 * WORTH_COUNTING}\n")
        await loan.draw(parts)
        await loan.call_in(parts)
        say("1\n")
        assert await loan.repaid(parts) == ""
        before = await by_the_system(parts)
        assert before is not None and 0 < before.size < WORTH_COUNTING
        assert await by_the_system(life(f"http://192.0.2.1:{port}")) is None
    finally:
        program.communicate()
