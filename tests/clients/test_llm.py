"""The command `llm`, unchanged, with two models of Jano's as its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.wire

MODELS = ("chat", "code")


@pytest.fixture
def llm(place: Any, tmp_path: Path) -> Any:
    (tmp_path / "extra-openai-models.yaml").write_text(
        "".join(
            f"- model_id: jano-{name}\n  model_name: {name}\n  api_base: {place.url}/v1\n"
            "  can_stream: true\n"
            for name in MODELS
        )
    )
    env = {**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "unused"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "llm", *arguments]
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_asks_streamed_and_whole(llm: Any) -> None:
    streamed = llm("-m", "jano-chat", "Say something.")
    assert streamed.strip()
    assert llm("-m", "jano-chat", "--no-stream", "Say something.") == streamed


def test_it_changes_models(llm: Any) -> None:
    assert "jano-code" in llm("models", "list")
    assert llm("-m", "jano-code", "Say something.").strip()
