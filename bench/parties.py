"""Who is measured: nothing in between, nginx, a bare proxy in Go, Jano as shipped, and any other
router by its URL.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from jano_core.testing.running import running_jano

TOOLS = Path(__file__).parent / "tools"
BUILT = Path(__file__).parent.parent / ".cache" / "bench"

CONFIG = """\
[models.m]
url = "http://127.0.0.1:{port}"
parallel = 1000
"""

NGINX = """\
worker_processes 1;
daemon off;
error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  upstream server_ {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://server_;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"""


class Party(Struct, frozen=True):
    """One way to the backend. `pid` is the process whose time and memory count, 0 if unknown."""

    name: str
    port: int
    pid: int = 0


def build() -> None:
    """Compile the backend, the load generator and, where Go is installed, the bare proxy; each
    where that was not done yet.
    """
    BUILT.mkdir(parents=True, exist_ok=True)
    compilers = {".c": [os.environ.get("CC", "cc"), "-O2"], ".go": ["go", "build"]}
    for source in TOOLS.iterdir():
        compiler = compilers.get(source.suffix)
        if compiler is None or (source.suffix == ".go" and not shutil.which("go")):
            continue
        program = BUILT / source.stem
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([*compiler, "-o", program, source], check=True)


@contextmanager
def parties(folder: Path, peer: str = "") -> Iterator[list[Party]]:
    """Start everybody; `peer` is the URL of a router that runs already and knows a model `m`
    served by the backend, whose port is printed.
    """
    with ExitStack() as stack:
        backend = free_port()
        stack.enter_context(process([BUILT / "backend", str(backend)], backend))
        jano = stack.enter_context(running_jano(CONFIG.format(port=backend), folder))
        port = urlsplit(jano.url).port
        assert port
        found = [Party("direct", backend), Party("jano", port, jano.pid)]
        if (nginx := shutil.which("nginx") or shutil.which("/usr/sbin/nginx")) is not None:
            port = free_port()
            path = folder / "nginx.conf"
            path.write_text(NGINX.format(folder=folder, port=port, upstream=backend))
            command = [nginx, "-p", folder, "-c", path]
            found.insert(1, Party("nginx", port, stack.enter_context(process(command, port))))
        if (proxy := BUILT / "proxy").exists():
            port = free_port()
            pid = stack.enter_context(process([proxy, str(port), str(backend)], port))
            found.insert(-1, Party("go", port, pid))
        if peer:
            port = urlsplit(peer).port
            assert port, "the peer's URL needs a port"
            found.append(Party("peer", port, _listener(port)))
            print(f"the backend of the peer's model m: http://127.0.0.1:{backend}")
        yield found


@contextmanager
def process(
    command: list[str | Path], port: int, *, patience_s: float = 5.0, quiet: bool = False
) -> Iterator[int]:
    """Run a program until it listens on the port, for which it has so long; the pid. Ended with the
    block; `quiet`: what it prints is not shown.
    """
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL if quiet else None)
    try:
        latest = time.monotonic() + patience_s
        while not _listens(port):
            if time.monotonic() > latest:
                raise RuntimeError(f"{command[0]} does not listen")
            time.sleep(0.02)
        yield running.pid
    finally:
        running.terminate()
        running.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listener(port: int) -> int:
    """The process that listens on a port of this machine, 0 where it cannot be seen."""
    inodes = {
        f"socket:[{columns[9]}]"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (columns := line.split())[3] == "0A" and int(columns[1].split(":")[1], 16) == port
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
        except OSError:
            continue
    return 0
