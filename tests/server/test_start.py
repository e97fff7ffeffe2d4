"""What a start leaves alone: each of these takes longer to import than it is worth there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

START = """
import sys
from pathlib import Path

import anyio

from jano_core import server
from jano_core.app import Jano
from jano_core.cli import serve
from jano_core.config.load import load
from jano_core.plugin.entry_point import installed
from jano_core.plugin.registry import Registry


async def main():
    registry = Registry.discover(points=[])
    async with Jano.open(load(Path(sys.argv[1]), registry), registry):
        pass


assert list(installed("console_scripts"))
anyio.run(main)
print(*sorted(sys.modules))
"""

LEFT_ALONE = {
    "importlib.metadata": "reads all that is installed; `plugin/entry_point.py` reads entry points",
    "email.message": "came with it",
    "zipfile": "came with it",
    "httpx": "for servers behind TLS",
    "granian": "for who names it as the engine",
    "opentelemetry": "for who has telemetry exported",
    "yaml": "for other programs' configurations",
    "jano_core.config.importers.original": "likewise",
    "jano_core.config.importers.juggler": "likewise",
    "jano_core.config.importers.llama_swap": "likewise",
    "jano_core.config.lines": "for what is wrong in a configuration",
    "html": "for the page at /ui",
}
"""Module → what it is for."""


def test_a_start_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    config = tmp_path / "jano.toml"
    config.write_text('[models.chat]\ncmd = "server --port ${PORT}"\n')
    command = [sys.executable, "-c", START, str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "jano_core.gateway.app" in imported
    assert not LEFT_ALONE.keys() & imported
