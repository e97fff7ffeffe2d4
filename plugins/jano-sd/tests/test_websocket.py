"""ComfyUI's WebSocket through a real Jano: open all day, it neither wakes a model nor keeps one."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from jano_core.testing.running import running_jano

pytestmark = pytest.mark.wire


@pytest.fixture
def port() -> Iterator[int]:
    """A server with a WebSocket that runs without Jano."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "jano_core.testing.model_server", "--port", str(found)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        yield found
        server.terminate()


def test_it_is_open_while_another_model_is_loaded_and_served(port: int, tmp_path: Path) -> None:
    simulated = f"{sys.executable} -m jano_core.testing.model_server --port ${{PORT}} --name chat"
    config = f"""
[models.pictures]
backend = "comfyui"
url = "http://127.0.0.1:{port}"
paths = ["/comfy"]
strip_prefix = true
[models.chat]
cmd = "{simulated}"
"""
    with running_jano(config, tmp_path) as jano:
        address = jano.url.replace("http://", "ws://") + "/comfy/ws?clientId=1"
        with connect(address) as page:
            page.send("hello")
            assert "hello" in str(page.recv(timeout=10))
            states = jano.get("/status")["models"]
            assert states["pictures"]["state"] == "stopped"
            assert states["pictures"]["inFlight"] == 0
            jano.get("/upstream/chat/props", timeout=20)
            page.send("still here")
            assert "still here" in str(page.recv(timeout=10))
            assert jano.get("/status")["models"]["chat"]["state"] == "ready"
