"""`jano init` as a command: what it writes is what `jano check` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jano_core.cli.group import cli


def jano(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="jano")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a model, a llama-server on PATH, and nothing on any port."""
    monkeypatch.setattr("jano_core.config.discovery.servers.PORTS", (9,))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "llama-server").write_text("#!/bin/sh\n")
    (tmp_path / "llama-server").chmod(0o755)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "chat.gguf").write_bytes(b"GGUF")
    return tmp_path


def test_what_it_writes_passes_the_check(box: Path) -> None:
    made = jano("init")
    assert made.exit_code == 0, made.output
    assert "1 of 1 models ready" in made.output
    checked = jano("check", "--config", "jano.toml")
    assert checked.exit_code == 0, checked.output
    assert "chat: llamacpp, process" in checked.output


def test_it_replaces_nothing_unasked(box: Path) -> None:
    (box / "jano.toml").write_text("mine")
    refused = jano("init")
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert (box / "jano.toml").read_text() == "mine"
    assert jano("init", "--force").exit_code == 0


def test_it_can_only_show_it(box: Path) -> None:
    shown = jano("init", "--output", "-")
    assert shown.output.startswith("# Written by `jano init`")
    assert not (box / "jano.toml").exists()


def test_what_comes_next_can_be_pasted(box: Path) -> None:
    made = jano("init", "--output", "a box/jano.toml")
    assert "next: jano check --config 'a box/jano.toml' && jano serve" in made.output
