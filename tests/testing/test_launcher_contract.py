"""The contract suite for launchers, run on those of the core."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from jano_core.launchers.attach import AttachLauncher
from jano_core.launchers.process import ProcessLauncher
from jano_core.launchers.script import ScriptLauncher
from jano_core.plugin.server import Server, ServerSpec
from jano_core.testing.launcher_contract import LauncherContract
from tests.processes import alive

pytestmark = pytest.mark.wire

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(60)")


class TestProcess(LauncherContract):
    launcher = ProcessLauncher
    broken_spec = ServerSpec(model="chat", cmd=("/no/such/program",))

    def spec(self) -> ServerSpec:
        return ServerSpec(model="chat", cmd=SLEEPER, env=dict(os.environ), stop_timeout=3)

    def living(self, server: Server) -> bool:
        return server.pid is not None and alive(server.pid)

    async def crash(self, server: Server) -> None:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        while self.living(server):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)


class TestAttach(LauncherContract):
    launcher = AttachLauncher
    broken_spec = ServerSpec(model="chat", url="http://127.0.0.1:1")
    watches = owns = False

    @pytest.fixture(autouse=True)
    def somebody_else_s(self) -> Iterator[None]:
        with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=[0.01])
            thread.start()
            yield
            server.shutdown()
            thread.join()

    def spec(self) -> ServerSpec:
        return ServerSpec(model="chat", url=self.url)

    def living(self, server: Server) -> bool:
        parts = urlsplit(server.url)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), 1).close()
        except OSError:
            return False
        return True

    async def crash(self, server: Server) -> None:
        raise AssertionError("it watches nobody")


class TestScript(LauncherContract):
    """The script is the user's; what it starts is nobody's child and stays until the next call."""

    launcher = ScriptLauncher
    broken_spec = ServerSpec(model="chat", cmd=("/no/such/script",), url="http://127.0.0.1:1")
    watches = owns = False

    @pytest.fixture(autouse=True)
    def script(self, tmp_path: Path) -> None:
        self.live = tmp_path / "live"
        self.path = tmp_path / "swap.sh"
        self.path.write_text(f'#!/bin/sh\n[ "$1" = status ] || echo "$1" > {self.live}\n')
        self.path.chmod(0o755)

    def spec(self) -> ServerSpec:
        url = "http://127.0.0.1:1"
        return ServerSpec(model="chat", cmd=(str(self.path),), url=url, env=dict(os.environ))

    def living(self, server: Server) -> bool:
        return self.live.exists() and self.live.read_text().strip() == server.spec.model

    async def crash(self, server: Server) -> None:
        raise AssertionError("it watches nobody")
