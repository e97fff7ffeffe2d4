"""Every example is read, evaluated or run as its README says."""

from __future__ import annotations

import json
import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jano_core.testing.running import running_jano
from tests.components import require_command
from tests.declarative.test_model_units import LLAMA_SERVER, MODEL_SERVER
from tests.declarative.test_nix import HERE, evaluate
from tests.declarative.test_systemd import post
from tests.law.sources import ROOT, name
from tests.wire_client import chat

EXAMPLES = ROOT / "examples"
HOMELAB = EXAMPLES / "homelab-with-otel-and-prometheus"
MAC = EXAMPLES / "mac-launchd"
DECLARATIVE = [EXAMPLES / "one-box", MAC, EXAMPLES / "nixos", HOMELAB]
WITH_TOML = [EXAMPLES / "one-box", MAC, HOMELAB]
ONE_SCREEN = 45


@pytest.mark.parametrize("example", DECLARATIVE, ids=name)
def test_a_readme_is_one_screen(example: Path) -> None:
    assert len((example / "README.md").read_text().splitlines()) <= ONE_SCREEN


@pytest.mark.wire
@pytest.mark.parametrize("config", [folder / "jano.toml" for folder in WITH_TOML], ids=name)
def test_jano_check_has_nothing_to_say(config: Path) -> None:
    command = [sys.executable, "-m", "jano_core", "check", "--config", str(config)]
    env = os.environ | {"HF_TOKEN": "x"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.wire
def test_one_box_runs(tmp_path: Path) -> None:
    llama = tmp_path / "bin" / "llama-server"
    llama.parent.mkdir()
    (tmp_path / ".cache").mkdir()
    llama.write_text(LLAMA_SERVER.format(server=MODEL_SERVER))
    llama.chmod(0o755)
    env = {"PATH": f"{llama.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    config = (EXAMPLES / "one-box" / "jano.toml").read_text()
    with running_jano(config, tmp_path / "jano", env=env) as jano:
        for asked, answered in (("gpt-4o-mini", "chat"), ("code", "code")):
            reply = json.loads(post(jano.url, chat(asked)))
            assert reply["model"] == f"/models/{answered}.gguf"


def test_the_mac_s_jobs_are_those_of_its_configuration() -> None:
    config = (MAC / "jano.toml").read_text()
    for path in MAC.glob("*.plist"):
        job = plistlib.loads(path.read_bytes())
        assert f'label = "{job["Label"]}"' in config
        port = job["ProgramArguments"][job["ProgramArguments"].index("--port") + 1]
        assert f'url = "http://127.0.0.1:{port}"' in config
        assert (job["RunAtLoad"], job["KeepAlive"]) == (False, False)


@pytest.mark.wire
def test_the_nixos_box_evaluates_to_a_configuration_that_jano_accepts(tmp_path: Path) -> None:
    box = f'(import {EXAMPLES}/nixos/box.nix {{ pkgs.llama-cpp = "/nix/store/llama-cpp"; }})'
    made = evaluate(
        f"import {HERE}/eval.nix {{ module = {ROOT}/nix/nixos.nix; "
        f"settings = {box}.services.jano; }}",
        tmp_path,
    )
    model = made["systemd"]["services"]["jano-model-chat"]["serviceConfig"]
    assert model["ExecStart"].endswith("/bin/llama-server --port 9001 -m /models/chat.gguf")
    assert model["MemoryMax"] == "40G"
    (tmp_path / "tenant").write_text("stand-in")
    config = tmp_path / "jano.toml"
    config.write_text(as_toml(made["file"]))
    command = [sys.executable, "-m", "jano_core", "check", "--config", str(config)]
    env = os.environ | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.wire
def test_the_homelab_s_files_are_read_by_their_programs() -> None:
    promtool = require_command("promtool", "apt-get install prometheus")
    words = [promtool, "check", "config", str(HOMELAB / "prometheus.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    collector = yaml.safe_load((HOMELAB / "otel-collector.yaml").read_text())
    traces = collector["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(traces[kind]) <= collector[kind].keys()
    endpoint = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{endpoint}" in (HOMELAB / "otel.conf").read_text()
    config = (HOMELAB / "jano.toml").read_text()
    for model in ("chat", "code"):
        settings = dict(
            line.split("=", 1)
            for line in (HOMELAB / f"{model}.env").read_text().splitlines()
            if not line.startswith("#")
        )
        assert f'url = "http://127.0.0.1:{settings["PORT"]}"' in config


def as_toml(tables: dict[str, object]) -> str:
    """JSON strings, numbers and lists are TOML; a table is written inline."""

    def value(what: object) -> str:
        if isinstance(what, dict):
            return "{" + ", ".join(f"{key} = {value(each)}" for key, each in what.items()) + "}"
        return json.dumps(what)

    return "".join(f"{key} = {value(each)}\n" for key, each in tables.items())
