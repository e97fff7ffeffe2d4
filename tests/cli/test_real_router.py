"""The commands against a real router and a real (simulated) model server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jano_core.cli.group import cli
from jano_core.testing.running import running_jano
from tests.simulated import model_table

pytestmark = pytest.mark.wire


def jano(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--url", url], prog_name="jano")


def test_load_look_unload(tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl", keys='aliases = ["gpt"]')
    with running_jano(config, tmp_path / "jano") as router:
        assert jano(router.url, "load", "gpt").exit_code == 0
        assert "ready" in jano(router.url, "status").output
        assert json.loads(jano(router.url, "status", "--json").output)["currentModel"] == "chat"
        assert "chat: model loaded" in jano(router.url, "logs", "chat").output
        assert "listening on" in jano(router.url, "logs").output
        assert jano(router.url, "load", "nope").exit_code == 1
        assert jano(router.url, "unload").exit_code == 0
        models = json.loads(jano(router.url, "status", "--json").output)["models"]
        assert models["chat"]["state"] == "stopped"
