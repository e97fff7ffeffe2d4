"""The sockets Jano listens on. It binds them itself, so that a second start fails and says why."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from .errors import ListenError
from .runtime.ports import holder

BACKLOG = 65535
"""Connections that may wait for a turn; the kernel lowers it to what it allows."""

_FIRST_PASSED = 3
"""File descriptors begin here; see sd_listen_fds(3)."""


def allow_many_connections() -> None:
    """Raise the soft limit of open files, which on most systems is lower than a long queue."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = BACKLOG if hard == resource.RLIM_INFINITY else min(BACKLOG, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit that it hides.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def inherited(env: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets that a service manager holds for Jano (systemd's socket activation).

    They stay open there when Jano ends, so that whoever connects meanwhile waits for the next one.
    Raises `ListenError`: something else was passed, or nothing with a port.
    """
    if env.get("LISTEN_PID") != str(os.getpid()):
        return []
    passed = [
        socket.socket(fileno=_FIRST_PASSED + number) for number in range(int(env["LISTEN_FDS"]))
    ]
    for listener in passed:
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ListenError(f"the service manager passed {listener}, which does not listen")
        listener.set_inheritable(False)
        if listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setblocking(False)
    if passed and not tcp_of(passed):
        raise ListenError("the service manager passed no TCP socket; give the unit one")
    return passed


def tcp_of(listeners: list[socket.socket]) -> list[socket.socket]:
    """Those with a port, the ones that other machines can reach first."""
    ported = [one for one in listeners if one.family != socket.AF_UNIX]
    return sorted(ported, key=lambda one: one.getsockname()[0] in ("127.0.0.1", "::1"))


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises `ListenError`: the address is taken, is not this machine's, or may not be used.
    """
    # For text Python loads its tables of all the world's letters.
    name = host.encode() if host.isascii() else host
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener = socket.socket(family, kind)
    # Not SO_REUSEPORT: two routers would then share the port and each get half the requests.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without, the kernel keeps an event back until the client has
    # acknowledged the one before, which takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE and holder(port)
        why = f"{taken} listens there already" if taken else error.strerror
        raise ListenError(f"cannot listen on {host}:{port}: {why}") from None
    listener.setblocking(False)
    return listener


def listen_unix(path: Path) -> socket.socket:
    """A listening unix socket that only this user may use; replaces one left behind by a crash.

    Raises `ListenError`: somebody listens there, something else is there, or it cannot be made.
    """
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode must be right from the first moment: chmod after bind would leave a gap.
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(mask)
    listener.setblocking(False)
    return listener


def reachable(address: tuple[str, int]) -> tuple[str, int]:
    """Host and port at which this machine itself reaches a socket bound to `address`."""
    host, port = address[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def url_of(listener: socket.socket) -> str:
    """The URL at which this machine reaches a TCP listener."""
    host, port = reachable(listener.getsockname())
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _clear(path: Path) -> None:
    """Make room for a socket: nothing there, or a socket that nobody answers."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    if not stat.S_ISSOCK(kind):
        raise ListenError(f"cannot listen on {path}: a file that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ListenError(f"cannot listen on {path}: {error.strerror}") from None
        else:
            raise ListenError(f"cannot listen on {path}: another process listens there")
