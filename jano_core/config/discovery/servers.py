"""Model servers that run on this box already, told apart by pages that only one kind has."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Struct

from .find import Find, model_name

Get = Callable[[str], Any]
"""The JSON at a URL, None where there is none."""

PORTS = (8080, 8081, 8000, 11434, 30000, 5000, 1234, 5001, 7860, 8188, 9931)
PATIENCE_S = 0.5
CAN_UNLOAD = frozenset({"ollama", "lmstudio", "tabby", "sdwebui", "comfyui"})
"""Backends whose running servers can be asked to give their memory back."""
LOOPBACK = "http://127.0.0.1"


class Running(Struct, frozen=True, kw_only=True):
    """A server at `url`: which backend it is, and the models it says it has."""

    backend: str
    url: str
    models: tuple[str, ...] = ()


def get_json(url: str) -> Any:
    """See `Get`; half a second at most, and no proxy between."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read(2**20))
    except (OSError, ValueError, urllib.error.URLError):
        return None


def find_running(get: Get = get_json) -> list[Running]:
    """Every server on the known ports, asked at the same time."""
    with ThreadPoolExecutor(len(PORTS)) as pool:
        return [each for each in pool.map(lambda port: identify(port, get), PORTS) if each]


def identify(port: int, get: Get) -> Running | None:
    """What listens there, None for nothing, for a stranger, or for Jano itself."""
    url = f"{LOOPBACK}:{port}"
    status = get(f"{url}/status")
    if isinstance(status, dict) and "swapsAvoided" in status:
        return None
    for backend, page, tells in _SIGNS:
        found = get(f"{url}{page}")
        if isinstance(found, dict) and tells(found):
            return Running(backend=backend, url=url, models=tuple(_models(backend, url, get)))
    return None


_SIGNS: tuple[tuple[str, str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("llamacpp", "/props", lambda page: "build_info" in page or "total_slots" in page),
    ("koboldcpp", "/api/extra/version", lambda page: page.get("result") == "KoboldCpp"),
    ("lmstudio", "/api/v1/models", lambda page: isinstance(page.get("models"), list)),
    ("comfyui", "/system_stats", lambda page: "devices" in page),
    ("sdwebui", "/sdapi/v1/memory", lambda page: "ram" in page),
    ("sglang", "/get_model_info", lambda page: "model_path" in page),
    ("ollama", "/api/tags", lambda page: isinstance(page.get("models"), list)),
    ("tabby", "/health", lambda page: page.get("status") == "healthy" and "issues" in page),
    ("vllm", "/version", lambda page: "version" in page),
    ("openai", "/v1/models", lambda page: isinstance(page.get("data"), list)),
)
"""Backend, a page, and whether the page is that backend's. In this order: others imitate the pages
that come later.
"""


def _models(backend: str, url: str, get: Get) -> Iterator[str]:
    page, rows, name = {
        "ollama": ("/api/tags", "models", "name"),
        "lmstudio": ("/api/v1/models", "models", "key"),
    }.get(backend, ("/v1/models", "data", "id"))
    found = get(f"{url}{page}")
    listed = found.get(rows) if isinstance(found, dict) else None
    for row in listed if isinstance(listed, list) else ():
        if isinstance(row, dict) and isinstance(row.get(name), str):
            yield row[name]


def attached(server: Running, backends: frozenset[str]) -> Iterator[Find]:
    """A find for each model of a server that somebody else runs; `backends` are those installed."""
    known = server.backend in backends
    names = server.models or (server.backend,)
    for name in names:
        short = name.rpartition("/")[2].removesuffix(".gguf")
        table: dict[str, Any] = {"backend": server.backend, "url": server.url}
        if server.models and server.backend not in ("llamacpp", "koboldcpp"):
            table["upstream_model"] = name
        if server.backend in ("sdwebui", "comfyui"):
            table |= {"paths": [f"/{server.backend}"], "strip_prefix": True}
        note = f"{server.backend} at {server.url}; Jano uses it and does not end it"
        if server.backend not in CAN_UNLOAD:
            table["resident"] = True
            note += ", and cannot unload it: it stays beside all others"
        yield Find(
            name=model_name(short),
            table=table,
            notes=(note,),
            lacks="" if known else f"a plugin for {server.backend}",
        )
