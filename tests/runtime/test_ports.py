from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jano_core.runtime import listeners, ports, process_tree
from tests.runtime.servers import python

pytestmark = pytest.mark.wire
LISTEN = """
import socket, sys
s = socket.socket(); s.bind((sys.argv[1], int(sys.argv[2]))); s.listen()
print("up", flush=True); sys.stdin.read()
"""


@pytest.fixture
def foreign() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Another program that listens on all addresses."""
    port = ports.free_port()
    program = subprocess.Popen(
        python(LISTEN, "0.0.0.0", str(port)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdout and program.stdin
    assert program.stdout.readline() == b"up\n"
    yield program, port
    program.communicate()


def test_a_free_port_is_free() -> None:
    port = ports.free_port()
    assert ports.holder(port) is None
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
def test_who_listens_is_named(foreign: tuple[subprocess.Popen[bytes], int]) -> None:
    program, port = foreign
    named = f"process {program.pid} ({process_tree.command(program.pid)})"
    assert ports.holder(port) == named
    assert ports.stranger(port, {os.getpid()}) == named
    assert ports.stranger(port, process_tree.descendants(os.getpid())) is None
    assert ports.held(port, {os.getpid(), program.pid})
    assert not ports.held(port, {os.getpid()})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_every_way_to_take_loopback_is_seen(address: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this system")
        listener.listen()
        port = listener.getsockname()[1]
        assert ports.stranger(port, set()) is not None
        assert ports.stranger(port, {os.getpid()}) is None
        assert len(listeners.inodes(port)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_where_netlink_does_not_answer_proc_does(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this system")
        listener.listen()
        told = listeners.inodes(listener.getsockname()[1])
        monkeypatch.setattr(listeners, "SOCK_DIAG", 99)  # there is no such family
        assert told == listeners.inodes(listener.getsockname()[1]) != set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
def test_only_who_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert len(listeners.inodes(port)) == 1
    assert listeners.inodes(port) == set()
