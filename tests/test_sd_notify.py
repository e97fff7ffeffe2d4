"""What a service manager hears, and when. The manager is a socket; time is virtual."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from jano_core.sd_notify import Notifier


class House:
    """Its `line` is the status; `happens` makes something happen."""

    preloading = False

    def __init__(self) -> None:
        self.line = "no model loaded"
        self.pulses = 0
        self.event = anyio.Event()

    def pulse(self) -> str:
        self.pulses += 1
        return self.line

    async def changed(self) -> None:
        self.event = anyio.Event()
        await self.event.wait()


class Manager:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.address = str(path)

    def heard(self) -> list[str]:
        words = []
        while True:
            try:
                words += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return words


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


MORE_TIME = "EXTEND_TIMEOUT_USEC=20000000"


@pytest.mark.anyio
async def test_starting_running_stopping(manager: Manager) -> None:
    house, notifier = House(), Notifier(manager.address, watchdog=30)
    opened: list[House] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(notifier.keep_informed, lambda: opened[0] if opened else None)
        await anyio.wait_all_tasks_blocked()
        assert manager.heard() == ["WATCHDOG=1", MORE_TIME], "starting may take its time"
        opened.append(house)
        notifier.ready(lambda: house)
        assert manager.heard() == ["READY=1", "STATUS=no model loaded", "WATCHDOG=1"]
        await anyio.sleep(62)
        assert manager.heard() == ["WATCHDOG=1"] * 5
        notifier.stopping()
        assert manager.heard() == ["STOPPING=1", MORE_TIME]
        await anyio.sleep(16)
        assert MORE_TIME in manager.heard(), "streams are given their grace"
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_the_line_follows_what_happens_but_not_faster_than_once_a_second(
    manager: Manager,
) -> None:
    house, notifier = House(), Notifier(manager.address)
    notifier.ready(lambda: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(notifier.keep_informed, lambda: house)
        await anyio.sleep(10)
        assert manager.heard() == ["READY=1", "STATUS=no model loaded"]
        assert house.pulses == 1, "nothing happens, nobody is woken up"
        for number in range(100):
            house.line = f"{number} waiting"
            house.event.set()
            await anyio.sleep(0.05)
        told = manager.heard()
        tasks.cancel_scope.cancel()
    assert 3 <= len(told) <= 6


@pytest.mark.anyio
async def test_no_sign_of_life_without_the_scheduler(manager: Manager) -> None:
    class Broken(House):
        def pulse(self) -> str:
            raise RuntimeError("the scheduler")

    house = Broken()
    with pytest.raises(RuntimeError):
        await Notifier(manager.address, watchdog=1).keep_informed(lambda: house)
    assert "WATCHDOG=1" not in manager.heard()


@pytest.mark.anyio
async def test_while_preloading_there_is_more_time(manager: Manager) -> None:
    house, notifier = House(), Notifier(manager.address)
    house.preloading = True
    notifier.ready(lambda: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(notifier.keep_informed, lambda: house)
        await anyio.sleep(11)
        assert manager.heard().count(MORE_TIME) == 3
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_without_a_manager_nothing_is_done() -> None:
    notifier = Notifier.from_environment({})
    house = House()
    notifier.ready(lambda: house)
    await notifier.keep_informed(lambda: house)
    assert house.pulses == 0


def test_a_manager_that_is_gone_is_no_reason_to_fail(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    Path(manager.address).unlink()
    Notifier(manager.address).ready(lambda: None)
    assert "does not hear" in caplog.text


def test_the_watchdog_of_another_process_is_not_ours(manager: Manager) -> None:
    env = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000"}
    ours = Notifier.from_environment(env | {"WATCHDOG_PID": str(os.getpid())})
    other = Notifier.from_environment(env | {"WATCHDOG_PID": "1"})
    assert (ours._watchdog, other._watchdog) == (3.0, None)
