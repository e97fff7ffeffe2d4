"""All of it together: one look at a box."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from .find import Find
from .gguf import find_gguf, folders
from .ollama import find_ollama, installed
from .safetensors import Engines, find_safetensors
from .servers import Get, attached, find_running, get_json


def look(
    env: Mapping[str, str], home: Path, here: Path, backends: frozenset[str], get: Get = get_json
) -> Iterator[Find]:
    """Every model that was found. `backends` are those that are installed; what needs another is
    told with what to install.
    """

    def backend(name: str) -> str:
        return name if name in backends else "openai"

    def program(name: str) -> str:
        return shutil.which(name, path=env.get("PATH", "")) or ""

    ollama_url = ""
    for server in find_running(get):
        if server.backend == "ollama":
            ollama_url = server.url
            yield from find_ollama(server.models, server.url, "", backend("ollama"))
        else:
            yield from attached(server, backends)
    if not ollama_url:
        models = installed(env, home)
        yield from find_ollama(models, "", program("ollama"), backend("ollama"))
    places = folders(env, home, here)
    yield from find_gguf(places, program("llama-server"), backend("llamacpp"))
    engines = Engines(mlx=program("mlx_lm.server"), vllm=program("vllm"))
    yield from find_safetensors(places, engines, backends)
