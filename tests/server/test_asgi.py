"""The application for other ASGI servers: the house lives as long as the lifespan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from jano_core.asgi import Application

pytestmark = pytest.mark.anyio


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "jano.toml"
    path.write_text('[models.chat]\nurl = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("JANO_CONFIG", str(path))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return path


class Lifespan:
    """The server's side of a lifespan."""

    def __init__(self) -> None:
        self.tell, self._told = anyio.create_memory_object_stream[dict[str, Any]](2)
        self._said, self.hear = anyio.create_memory_object_stream[Any](2)
        self.tell.send_nowait({"type": "lifespan.startup"})

    async def run(self, app: Application) -> None:
        await app({"type": "lifespan"}, self._told.receive, self._said.send)


async def health(app: Application) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/health", "raw_path": b"/health"}
    scope |= {"query_string": b"", "headers": [], "client": ("127.0.0.1", 1), "root_path": ""}
    waiting = anyio.Event()

    async def receive() -> Any:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        return await waiting.wait()

    await app(scope, receive, send)
    return int(sent[0]["status"])


async def test_serves_between_startup_and_shutdown(config: Path) -> None:
    app, lifespan = Application(), Lifespan()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lifespan.run, app)
        assert (await lifespan.hear.receive())["type"] == "lifespan.startup.complete"
        assert await health(app) == 200
        lifespan.tell.send_nowait({"type": "lifespan.shutdown"})
        assert (await lifespan.hear.receive())["type"] == "lifespan.shutdown.complete"


@pytest.fixture
def wrong(config: Path) -> Path:
    config.write_text("[models.chat]\nport = 1\n")
    return config


async def test_a_wrong_configuration_fails_the_startup(wrong: Path) -> None:
    app, lifespan = Application(), Lifespan()
    await lifespan.run(app)
    failed = await lifespan.hear.receive()
    assert failed["type"] == "lifespan.startup.failed"
    assert str(wrong) in failed["message"]


async def test_without_a_lifespan_it_says_so(config: Path) -> None:
    with pytest.raises(RuntimeError, match="lifespan"):
        await health(Application())
