"""Plugins of strangers that are broken: Jano serves, and names them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jano_core.testing.running import running_jano
from tests.simulated import model_table
from tests.wire_client import ask, chat

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

BROKEN = {
    "jano-no-import": "import a_module_that_nobody_has",
    "jano-wrong-hook": (
        "from jano_core import hookimpl\n\n@hookimpl\ndef jano_stratgies():\n    return []"
    ),
    "jano-wrong-type": (
        "from jano_core import hookimpl\n\n@hookimpl\ndef jano_strategies():\n    return [3]"
    ),
    "jano-explodes": (
        "from jano_core import Strategy, hookimpl\n\n"
        "class Explodes(Strategy):\n"
        "    name = 'explodes'\n"
        "    def decide(self, view):\n"
        "        raise RuntimeError('boom')\n\n"
        "@hookimpl\ndef jano_strategies():\n    return [Explodes]"
    ),
}


def install(folder: Path, name: str, source: str, version: str = "6.6.6") -> None:
    """A distribution as an installer leaves it: a module, and metadata with an entry point."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[jano]\n{module} = {module}\n")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "site"
    folder.mkdir()
    for name, source in BROKEN.items():
        install(folder, name, source)
    return {"PYTHONPATH": str(folder)}


def jano(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jano_core", *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_jano_plugins_names_each_with_its_version_and_reason(env: dict[str, str]) -> None:
    done = jano(env, "plugins")
    assert done.returncode == 0, done.stderr
    for name in BROKEN:
        (line,) = [line for line in done.stdout.splitlines() if name in line]
        assert "6.6.6" in line
    assert "a_module_that_nobody_has" in done.stdout
    assert "jano_stratgies" in done.stdout


async def test_jano_serves_with_all_of_them_installed(env: dict[str, str], tmp_path: Path) -> None:
    config = model_table("chat", tmp_path / "books.jsonl")
    with running_jano(config, tmp_path / "jano", env=env) as running:
        assert (await ask(running.url, "/v1/chat/completions", chat("chat"))).status == 200


async def test_a_strategy_that_raises_falls_back_and_is_named(
    env: dict[str, str], tmp_path: Path
) -> None:
    config = '[scheduler]\nstrategy = "explodes"\n\n'
    config += model_table("chat", tmp_path / "books.jsonl")
    with running_jano(config, tmp_path / "jano", env=env) as running:
        assert (await ask(running.url, "/v1/chat/completions", chat("chat"))).status == 200
        log = running.log_text()
    assert "explodes" in log
    assert "boom" in log


def test_naming_what_a_broken_plugin_should_give_is_an_error_that_blames_it(
    env: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "jano.toml"
    config.write_text('[scheduler]\nstrategy = "patient"\n' + model_table("chat", tmp_path / "b"))
    done = jano(env, "check", "--config", str(config))
    assert done.returncode == 2
    assert "patient" in done.stdout + done.stderr
    assert "jano-no-import 6.6.6" in done.stdout + done.stderr
