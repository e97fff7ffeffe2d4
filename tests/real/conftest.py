"""Real model servers with tiny models that exclude each other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jano_core.testing.running import RunningJano, running_jano
from tests.components import require
from tests.real.tiny_gguf import write_model

TOOLS = Path(__file__).parents[2] / "tools"
SENTENCES = {
    "river": "the river runs past an old mill at dawn",
    "tower": "a tall tower keeps watch over its quiet harbour",
}


@pytest.fixture(scope="package")
def llama_server() -> str:
    found = _found("build_llama_server.sh")
    require("llama-server", found, "run tools/build_llama_server.sh (needs a C++ compiler)")
    return found


@pytest.fixture(scope="package")
def mlx_server() -> str:
    found = _found("install_mlx_server.sh")
    require("mlx-server", found, "run tools/install_mlx_server.sh (needs MLX's wheels)")
    return found


def _found(tool: str) -> str:
    return subprocess.run([TOOLS / tool, "--cached"], capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="package")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two quick models, and one of 70 MB that takes some seconds for a thousand tokens."""
    folder = tmp_path_factory.mktemp("gguf")
    made = {name: write_model(folder / f"{name}.gguf", SENTENCES[name]) for name in SENTENCES}
    slow = write_model(folder / "slow.gguf", "slow words come singly", layers=4, width=512)
    return made | {"slow": slow}


@pytest.fixture(scope="package")
def jano(
    llama_server: str, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningJano]:
    slots = {"river": 2, "tower": 3, "slow": 1}
    tables = []
    for name, path in models.items():
        command = [llama_server, "-m", str(path), "--port", "${PORT}", "--host", "127.0.0.1"]
        command += ["-c", "4096", "-np", str(slots[name]), "-t", "1", "--alias", name]
        tables.append(f'[models.{name}]\nbackend = "llamacpp"\ncmd = {json.dumps(command)}\n')
    with running_jano("\n".join(tables), tmp_path_factory.mktemp("real")) as running:
        yield running
