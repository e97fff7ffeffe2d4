"""Sockets passed by a service manager: taken over, checked, and given back unharmed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.wire,
    pytest.mark.skipif(sys.platform != "linux", reason="socket activation is systemd's"),
]

PASSED = """
import os, socket, sys
from jano_core import sockets
from jano_core.errors import ListenError

made = [{sockets}]
for number, each in enumerate(made):
    os.dup2(each.fileno(), 100 + number)
    each.close()
for number in range(len(made)):
    os.dup2(100 + number, 3 + number)
env = {{"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(made))}}
try:
    found = sockets.inherited(env)
except ListenError as error:
    sys.exit(str(error))
{then}
"""
TCP = 'socket.create_server(("127.0.0.1", 0))'
OPEN = 'socket.create_server(("0.0.0.0", 0))'
UNIX = "socket.socket(socket.AF_UNIX)"


def child(sockets: str, then: str = "pass") -> subprocess.CompletedProcess[str]:
    script = PASSED.format(sockets=sockets, then=then)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )


def test_they_are_taken_over_and_no_child_gets_them() -> None:
    done = child(
        TCP,
        "print(found[0].getsockname()[0], found[0].get_inheritable(), found[0].getblocking())",
    )
    assert done.stdout == "127.0.0.1 False False\n", done.stderr


def test_the_most_exposed_address_counts() -> None:
    done = child(f"{TCP}, {OPEN}", "print(sockets.tcp_of(found)[0].getsockname()[0])")
    assert done.stdout == "0.0.0.0\n", done.stderr


@pytest.mark.parametrize(
    ("sockets", "complaint"), [(UNIX, "does not listen"), ("socket.socket()", "does not listen")]
)
def test_what_does_not_listen_is_refused(sockets: str, complaint: str) -> None:
    assert complaint in child(sockets).stderr


def test_a_socket_for_another_process_is_not_ours() -> None:
    from jano_core.sockets import inherited

    assert inherited({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []
    assert inherited({}) == []
