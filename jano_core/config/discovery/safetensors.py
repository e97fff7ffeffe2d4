"""Models in Hugging Face's form, in its cache or in a folder: for MLX, or for vLLM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

from msgspec import Struct

from ...units import show_size
from .find import Find, model_name

CACHED = "models--"
"""How a repository's folder in the cache begins."""
SHAPES = (f"{CACHED}*/snapshots/*", "*", "*/*")


class Engines(Struct, frozen=True, kw_only=True):
    """The paths of the programs, empty where they are not on PATH."""

    mlx: str = ""
    vllm: str = ""


def find_safetensors(
    places: list[Path], engines: Engines, backends: frozenset[str]
) -> Iterator[Find]:
    """Models in MLX's format in any case; others only where an engine is there to serve them, since
    a cache is full of what is no language model.
    """
    seen: set[str] = set()
    for place in places:
        for config in (
            file for shape in SHAPES for file in sorted(place.glob(f"{shape}/config.json"))
        ):
            served = _served_as(config.parent)
            about = _read(config)
            weights = list(config.parent.glob("*.safetensors"))
            if served in seen or not weights or not about.get("model_type"):
                continue
            for_mlx = "quantization" in about or served.startswith("mlx-community/")
            if for_mlx or engines.mlx or engines.vllm:
                seen.add(served)
                size = sum(file.stat().st_size for file in weights)
                mlx = for_mlx or not engines.vllm
                yield (
                    _for_mlx(served, size, engines.mlx, backends)
                    if mlx
                    else _for_vllm(served, size, engines.vllm, backends)
                )


def _for_mlx(served: str, size: int, program: str, backends: frozenset[str]) -> Find:
    start = quote(program or "mlx_lm.server")
    return Find(
        name=model_name(served.rpartition("/")[2]),
        table={
            "backend": "mlx" if "mlx" in backends else "openai",
            "cmd": f"{start} --model {quote(served)} --port ${{PORT}}",
            "upstream_model": served,
        },
        notes=(f"{served} ({show_size(size)})",),
        lacks="" if program else "mlx_lm.server on PATH (pip install mlx-lm)",
    )


def _for_vllm(served: str, size: int, program: str, backends: frozenset[str]) -> Find:
    return Find(
        name=model_name(served.rpartition("/")[2]),
        table={
            "backend": "vllm" if "vllm" in backends else "openai",
            "cmd": f"{quote(program)} serve {quote(served)} --port ${{PORT}}",
            "upstream_model": served,
            "start_timeout": "10m",
        },
        notes=(f"{served} ({show_size(size)})",),
    )


def _served_as(folder: Path) -> str:
    """The repository of a folder in the cache, else its path."""
    if folder.parent.name == "snapshots":
        return folder.parent.parent.name.removeprefix(CACHED).replace("--", "/")
    return str(folder)


def _read(config: Path) -> dict[str, Any]:
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
