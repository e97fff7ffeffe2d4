"""The tutorial for backends, as a reader would go through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jano_core.testing.running import running_jano
from tests.docs.reader import follow
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

TUTORIAL = Path(__file__).parents[2] / "examples" / "write-a-backend"


def test_the_plugin_is_a_page() -> None:
    assert len((TUTORIAL / "jano_shelf.py").read_text().splitlines()) < 80


async def test_its_commands_work_and_its_models_take_each_other_s_place(tmp_path: Path) -> None:
    followed = await follow(TUTORIAL, tmp_path)
    folder = followed.folder
    assert "jano-shelf" in followed.told

    config = (folder / "shelf.toml").read_text()
    config = config.replace("shelf_server.py", str(folder / "shelf_server.py"))
    with running_jano(config, tmp_path / "jano", env={"PYTHONPATH": followed.site}) as jano:
        for model in ("atlas", "novel"):
            answer = await ask(jano.url, "/v1/chat/completions", chat(model))
            assert answer.status == 200, answer.body
            said = answer.json()["choices"][0]["message"]["content"]
            assert said == f"{model} was asked as {model}"
            states = jano.get("/status")["models"]
            assert [name for name in states if states[name]["state"] == "ready"] == [model]
