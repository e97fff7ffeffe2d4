"""An image engine's page through Jano: it may be open all day and wakes nobody."""

from __future__ import annotations

import anyio
import pytest

from jano_core.testing.fakes.house import house_before
from jano_core.testing.fakes.images import PICTURE_S, WORKFLOW, FakeComfyUI
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.ollama import FakeOllama
from tests.house.test_lying_servers import ask

COMFY, OLLAMA = 9001, 9002
CONFIG = f"""
[models.pictures]
backend = "comfyui"
url = "http://127.0.0.1:{COMFY}"
paths = ["/comfy"]
strip_prefix = true
stop_timeout = "60s"
[models.chat]
backend = "ollama"
url = "http://127.0.0.1:{OLLAMA}"
"""


@pytest.mark.anyio
async def test_a_page_wakes_nobody_and_a_workflow_does() -> None:
    memory = Memory()
    comfy, ollama = FakeComfyUI(memory), FakeOllama(memory, ["chat"])
    async with house_before(CONFIG, {COMFY: comfy, OLLAMA: ollama}) as client:
        assert (await ask(client, "chat"))[0] == 200
        for path in ("/comfy/", "/comfy/queue", "/upstream/pictures/system_stats"):
            connection, _ = await client.ask("GET", path)
            assert connection.status == 200
        assert memory.holds("chat:latest")
        connection, _ = await client.ask("POST", "/comfy/prompt", b'{"prompt": {}}')
        assert connection.status == 200
        assert not memory.holds("chat:latest")
        began = anyio.current_time()
        assert (await ask(client, "chat"))[0] == 200
        assert anyio.current_time() - began > PICTURE_S, "the picture was not finished"
    assert comfy.broken == 0
    assert memory.order == ["chat:latest", WORKFLOW, "chat:latest"]
    assert memory.most_at_once == 1


@pytest.mark.anyio
async def test_a_page_of_a_server_that_jano_starts_does_not_start_it() -> None:
    config = """
[models.pictures]
backend = "comfyui"
cmd = "python main.py --port ${PORT}"
paths = ["/comfy"]
"""
    async with house_before(config, {}) as client:
        connection, body = await client.ask("GET", "/comfy/")
    assert connection.status == 409
    assert b"model_not_loaded" in body
