"""What people see of a model whose server sleeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jano_core.testing.asgi_client import Client
from jano_core.testing.fakes.house import house_before
from jano_core.testing.fakes.memory import Memory
from jano_core.testing.fakes.vllm import FakeVLLM

PORTS = {"chat": 9001, "code": 9002}


async def ask(client: Client, method: str, path: str, document: object = None) -> Any:
    body = b"" if document is None else json.dumps(document).encode()
    _, answer = await client.ask(method, path, body)
    return json.loads(answer)


@pytest.mark.anyio
async def test_it_is_asleep_until_somebody_asks_for_it() -> None:
    memory = Memory()
    servers = {port: FakeVLLM(memory, name) for name, port in PORTS.items()}
    for server in servers.values():
        server.listed.set(True)
        server.asleep.set(True)
    config = "[backends.vllm]\nsleep_level = 1\n" + "".join(
        f'[models.{name}]\nbackend = "vllm"\nurl = "http://127.0.0.1:{port}"\n'
        for name, port in PORTS.items()
    )
    async with house_before(config, dict(servers)) as client:
        for model, other in (("chat", "code"), ("code", "chat"), ("chat", "code")):
            chat = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            assert "choices" in await ask(client, "POST", "/v1/chat/completions", chat)
            states = (await ask(client, "GET", "/status"))["models"]
            assert states[model]["state"] == "ready"
            assert states[other]["state"] in ("asleep", "stopped")
        assert states["code"]["state"] == "asleep"
    assert memory.most_at_once == 1
