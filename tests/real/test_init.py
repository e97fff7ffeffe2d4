"""`jano init` on a box with a real llama-server and a real mlx_lm.server on PATH and folders of
models: the configuration that it writes serves them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from jano_core.testing.running import running_jano
from tests.real.conftest import SENTENCES

pytestmark = [pytest.mark.real, pytest.mark.wire]


SPARROW = "a small sparrow hops along our garden wall"


def test_what_it_finds_is_served(
    llama_server: str, mlx_server: str, models: dict[str, Path], tmp_path: Path
) -> None:
    home, programs = tmp_path / "home", tmp_path / "bin"
    for folder in (home / "models", programs):
        folder.mkdir(parents=True)
    for name in SENTENCES:
        shutil.copy(models[name], home / "models" / f"{name}.gguf")
    python, maker = Path(mlx_server).with_name("python"), Path(__file__).with_name("tiny_mlx.py")
    subprocess.run([python, maker, home / "models" / "sparrow", SPARROW], check=True)
    (programs / "llama-server").symlink_to(llama_server)
    (programs / "mlx_lm.server").symlink_to(mlx_server)
    env = {**os.environ, "HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}"}
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE"):
        env.pop(name, None)
    jano = [sys.executable, "-m", "jano_core"]
    subprocess.run([*jano, "init"], cwd=tmp_path, env=env, check=True)
    subprocess.run([*jano, "check", "--config", "jano.toml"], cwd=tmp_path, env=env, check=True)
    config = (tmp_path / "jano.toml").read_text()
    with running_jano(config, tmp_path / "run") as running:
        for name, sentence in {**SENTENCES, "sparrow": SPARROW}.items():
            said = complete(running.url, name, sentence.split()[0])
            assert said and all(word in sentence for word in said.split())


def complete(url: str, model: str, prompt: str) -> str:
    body = {"model": model, "prompt": prompt, "max_tokens": 4, "temperature": 0}
    request = urllib.request.Request(
        f"{url}/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["choices"][0]["text"])
