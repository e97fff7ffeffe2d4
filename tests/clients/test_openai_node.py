"""The `openai` package for Node, unchanged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.components import require, require_command

pytestmark = [pytest.mark.wire, pytest.mark.real]

HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def modules() -> Path:
    """`node_modules` with the pinned client, installed once per machine."""
    npm = require_command("npm", "install the packages nodejs and npm")
    package = HERE / "package.json"
    digest = hashlib.sha256(package.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "jano" / "node" / digest
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(package, folder)
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        require("openai-node", done.returncode == 0, f"npm could not install it: {done.stderr}")
        (folder / "installed").touch()
    return folder / "node_modules"


@pytest.mark.parametrize("model", ["chat", "code"])
def test_the_client_for_node(place: Any, modules: Path, model: str) -> None:
    node = require_command("node", "install the package nodejs")
    done = subprocess.run(
        [node, str(HERE / "client.cjs"), place.url + "/v1", model],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"NODE_PATH": str(modules)},
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["model"] == model
    assert got["streamed"] == got["whole"] != ""
    assert got["call"] == {"name": "weather", "arguments": got["streamedArguments"]}
    assert set(got["streamedArguments"]) == {"city"}
    assert got["models"] == ["chat", "code"]
    assert got["refused"] == {"kind": "NotFoundError", "status": 404, "code": "model_not_found"}
