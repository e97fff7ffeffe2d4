"""Plain `curl -N`, as a person at a terminal uses it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.components import require_command
from tests.simulated import entries
from tests.wire_client import chat, events

pytestmark = [pytest.mark.wire, pytest.mark.real]


@pytest.fixture
def curl() -> list[str]:
    command = require_command("curl", "install the package curl")
    return [command, "-sN", "--max-time", "60", "-H", "Content-Type: application/json"]


@pytest.mark.parametrize("model", ["chat", "code"])
def test_a_whole_answer_with_jano_s_headers(
    place: Any, curl: list[str], model: str, tmp_path: Path
) -> None:
    head = tmp_path / "head"
    command = [*curl, "-D", str(head), f"{place.url}/v1/chat/completions", "-d", chat(model)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["model"] == model
    headers = head.read_text().lower()
    assert headers.startswith("http/1.1 200")
    assert f"x-jano-model: {model}" in headers
    for name in ("x-jano-request-id:", "x-jano-queue-ms:", "x-jano-swap-ms:"):
        assert name in headers


def test_a_stream_arrives_while_the_server_still_writes(place: Any, curl: list[str]) -> None:
    body = chat("chat", stream=True, simulate={"rate": 10, "tokens": 8})
    with subprocess.Popen(
        [*curl, f"{place.url}/v1/chat/completions", "-d", body], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        while not first.startswith(b"data: "):  # comments while a model loads
            first = process.stdout.readline()
        begun, ended = (len(entries(place.book, what)) for what in ("begin", "end"))
        assert begun > ended, "the first chunk came after the last"
        rest = process.stdout.read()
    assert process.returncode == 0
    assert events(rest)[-1] == "[DONE]"
