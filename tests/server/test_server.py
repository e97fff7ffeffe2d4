"""The router's life as a process: double starts, ready files, signals, graceful ends."""

from __future__ import annotations

import http.client
import json
import queue
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.wire

STAND_IN = Path(__file__).with_name("stand_in.py")
LONG = 15.0


class Process:
    """One stand-in; what it prints can be waited for."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        arguments = [sys.executable, str(STAND_IN), json.dumps({"folder": str(folder)} | options)]
        self.popen = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait()
        self._reader.join()
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()

    def said(self, start: str) -> str:
        """The next printed line that begins so; others before it are dropped."""
        while not (line := self._lines.get(timeout=LONG)).startswith(start):
            continue
        return line

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._lines.put(line.strip())

    def ready(self) -> tuple[str, int]:
        """Host and port, once it serves."""
        self.said("listening")
        ready = self.folder / "ready.json"
        until(ready.exists)
        host, port = json.loads(ready.read_text())["url"].removeprefix("http://").split(":")
        return host, int(port)

    def tell(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def end(self) -> int:
        return self.popen.wait(LONG)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another process."""
    pause = threading.Event()
    for _ in range(int(LONG / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise TimeoutError


@pytest.fixture(params=["jano", "granian"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(**options: Any) -> Process:
        started.append(Process(tmp_path, engine=request.param, **options))
        return started[-1]

    yield begin
    for process in started:
        process.close()


def get(address: tuple[str, int], path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*address, timeout=LONG)
    connection.request("GET", path)
    return connection.getresponse()


def test_ready_file_is_there_only_when_requests_are_answered(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    process = start(opening=0.3)
    process.said("opening")
    assert not (tmp_path / "ready.json").exists()
    address = process.ready()
    assert get(address, "/health").read() == b"ok\n"
    facts = {"url": f"http://127.0.0.1:{address[1]}", "pid": process.popen.pid}
    assert json.loads((tmp_path / "ready.json").read_text()) == facts
    assert json.loads((tmp_path / "jano.json").read_text()) == facts | {"socket": ""}
    process.tell(signal.SIGTERM)
    assert process.end() == 0
    assert not (tmp_path / "jano.json").exists()


def test_second_start_on_the_port_is_refused_in_one_line(start: Callable[..., Process]) -> None:
    first = start()
    _, port = first.ready()
    second = start(port=port)
    assert second.end() == 1
    assert second.popen.stderr is not None
    (line,) = second.popen.stderr.read().splitlines()
    assert f"127.0.0.1:{port}" in line
    if sys.platform == "linux":
        assert f"process {first.popen.pid} " in line


def test_unix_socket_is_private_and_removed(start: Callable[..., Process], tmp_path: Path) -> None:
    path = tmp_path / "jano.sock"
    process = start(unix=str(path))
    process.ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
        caller.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"200 OK" in caller.recv(4096)
    assert start(unix=str(path)).end() == 1
    process.tell(signal.SIGTERM)
    assert process.end() == 0
    assert not path.exists()


def test_stale_unix_socket_is_replaced(start: Callable[..., Process], tmp_path: Path) -> None:
    path = tmp_path / "jano.sock"
    first = start(unix=str(path))
    first.ready()
    first.tell(signal.SIGKILL)
    first.end()
    (tmp_path / "ready.json").unlink()
    assert path.exists()
    start(unix=str(path)).ready()


def test_a_file_in_the_place_of_the_socket_is_kept(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    assert start(unix=str(path)).end() == 1
    assert path.read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_stream_ends_whole_and_new_connections_are_refused(
    start: Callable[..., Process], number: signal.Signals
) -> None:
    process = start()
    address = process.ready()
    response = get(address, "/stream?n=20")
    assert response.readline() == b"line 0\n"
    process.tell(number)
    assert process.said("shutdown") == "shutdown 1"
    until(lambda: refused(address))
    assert response.read().endswith(b"line 19\n")
    assert process.end() == 0


def refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # the kernel had let it in as the listening socket was closed
    return False


def test_after_the_grace_what_runs_is_cancelled(start: Callable[..., Process]) -> None:
    process = start(grace=0.2)
    response = get(process.ready(), "/wait")
    process.tell(signal.SIGTERM)
    assert process.said("cancel") == "cancel 1"
    assert response.read() == b"wait\ncut\n"
    assert process.end() == 0


def test_second_signal_ends_it_at_once(start: Callable[..., Process]) -> None:
    process = start(grace=600)
    response = get(process.ready(), "/wait")
    process.tell(signal.SIGTERM)
    process.said("shutdown")
    process.tell(signal.SIGTERM)
    assert process.said("cancel") == "cancel 1"
    assert response.read() == b"wait\ncut\n"
    assert process.end() == 0


def test_signal_while_opening_gives_up_quietly(start: Callable[..., Process]) -> None:
    process = start(opening=600)
    process.said("opening")
    process.tell(signal.SIGTERM)
    assert process.end() == 0


def test_a_house_that_cannot_be_opened_is_one_clear_error(start: Callable[..., Process]) -> None:
    process = start(wrong="no such strategy")
    assert process.end() == 1
    assert process.popen.stderr is not None
    assert process.popen.stderr.read() == "no such strategy\n"


def test_websockets_are_closed_with_a_code(start: Callable[..., Process]) -> None:
    process = start()
    host, port = process.ready()
    with connect(f"ws://{host}:{port}/ws") as client:
        process.tell(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=LONG)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert process.end() == 0


def test_a_failed_reload_changes_nothing(start: Callable[..., Process]) -> None:
    process = start()
    address = process.ready()
    for _ in ("it says what is wrong", "it raises something else"):
        process.tell(signal.SIGHUP)
        assert process.said("reload") == "reload"
        assert get(address, "/health").status == 200
    process.tell(signal.SIGTERM)
    assert process.end() == 0
