"""The command `llm` with its plugin for Anthropic, unchanged: it asks for models by names of
Anthropic's, which are aliases of Jano's models here. The plugin needs an older `anthropic` than the
other tests have, so it is installed in a folder of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jano_core.testing.running import running_jano
from tests.components import require
from tests.simulated import entries, model_table

pytestmark = [pytest.mark.wire, pytest.mark.real]

PLUGIN = "llm-anthropic==0.30"
ALIASES = {"chat": "claude-sonnet-4-5", "code": "claude-opus-4-1-20250805"}
TOOL = '''
def weather(city: str, days: int) -> str:
    """What the weather will be."""
    return f"sunny in {city}"
'''

Run = Callable[..., str]


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the pinned plugin and all that it needs, installed once per machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "jano" / f"{PLUGIN}-{sys.implementation.cache_tag}"
    if not (folder / "installed").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--upgrade", "--target", str(folder), PLUGIN]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        require("llm-anthropic", done.returncode == 0, f"pip could not install it: {done.stderr}")
        (folder / "installed").touch()
    return folder


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llm") / "books.jsonl"


@pytest.fixture(scope="module")
def llm(packages: Path, book: Path) -> Iterator[Run]:
    folder = book.parent
    config = "".join(
        model_table(name, book, "--load 0.2 --rate 100 --tokens 8", f'aliases = ["{alias}"]')
        for name, alias in ALIASES.items()
    )
    with running_jano(config, folder) as jano:
        own = {"ANTHROPIC_BASE_URL": jano.url, "ANTHROPIC_API_KEY": "unused"}
        own |= {"LLM_USER_PATH": str(folder / "llm"), "PYTHONPATH": str(packages)}

        def run(alias: str, *arguments: str) -> str:
            words = [sys.executable, "-m", "llm", "-m", f"anthropic/{alias}", *arguments]
            done = subprocess.run(
                [*words, "Say something."],
                env=os.environ | own,
                capture_output=True,
                text=True,
                timeout=60,
                stdin=subprocess.DEVNULL,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout + done.stderr

        yield run


def test_it_asks_streamed_and_whole(llm: Run) -> None:
    streamed = llm(ALIASES["chat"])
    assert streamed.strip()
    assert llm(ALIASES["chat"], "--no-stream") == streamed


def test_it_changes_models(llm: Run, book: Path) -> None:
    assert llm(ALIASES["code"], "--usage").strip()
    assert entries(book, "end", "code")


def test_a_tool_is_called_and_its_result_taken_back(llm: Run) -> None:
    said = llm(ALIASES["code"], "--functions", TOOL, "--tools-debug")
    assert "sunny in" in said
