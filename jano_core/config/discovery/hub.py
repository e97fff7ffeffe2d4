"""Repositories in Hugging Face's cache that MLX can serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from ...units import show_size
from .find import Find, model_name

PREFIX = "models--"
PROGRAM = "mlx_lm.server"


def find_mlx(hub: Path, server: str, backend: str) -> Iterator[Find]:
    """Repositories in MLX's format. `server` is the mlx_lm.server on PATH, if there is one."""
    for folder in sorted(hub.glob(f"{PREFIX}*")):
        snapshot = next(iter(sorted(folder.glob("snapshots/*/config.json"))), None)
        weights = list(snapshot.parent.glob("*.safetensors")) if snapshot else []
        if snapshot is None or not weights or not _is_mlx(folder, snapshot):
            continue
        repository = folder.name.removeprefix(PREFIX).replace("--", "/")
        size = sum(file.stat().st_size for file in weights)
        yield Find(
            name=model_name(repository.rpartition("/")[2]),
            table={
                "backend": backend,
                "cmd": f"{quote(server or PROGRAM)} --model {repository} --port ${{PORT}}",
                "upstream_model": repository,
            },
            notes=(f"{repository} in Hugging Face's cache ({show_size(size)})",),
            lacks="" if server else f"{PROGRAM} on PATH (pip install mlx-lm)",
        )


def _is_mlx(folder: Path, config: Path) -> bool:
    """Converted ones say so in their name or carry MLX's own quantization."""
    if folder.name.startswith(f"{PREFIX}mlx-community--"):
        return True
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and isinstance(found.get("quantization"), dict)
