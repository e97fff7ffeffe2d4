"""One model of llama-swap's configuration as one of Jano's."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .report import Imported, fail

DEFAULT_CONCURRENCY = 10
DEFAULT_PROXIES = ("", "http://localhost:${PORT}", "http://127.0.0.1:${PORT}")

_DROPPED = {
    "compat": "WebSockets are requests like any other",
    "healthCheckTimeout": "llama-swap itself replaces it by the global one",
}


class Defaults(Struct, frozen=True):
    """The global keys that models inherit. Times in seconds."""

    ttl: int = 0
    unload_timeout: int = 10
    loading_state: bool = False


def convert_model(
    name: str, model: Mapping[str, Any], defaults: Defaults, imported: Imported
) -> dict[str, Any]:
    """The table of the model `name`, macros expanded already; raises `ConfigError`."""
    metadata = dict(model.get("metadata") or {})
    if model.get("capabilities"):
        metadata["capabilities"] = model["capabilities"]
    ttl = model.get("ttl", -1)
    timeouts = model.get("timeouts") or {}
    filters = model.get("filters") or {}
    table: dict[str, Any] = {
        "cmd": command(model.get("cmd") or ""),
        "cmd_stop": command(model.get("cmdStop") or ""),
        "url": "" if model.get("proxy", "") in DEFAULT_PROXIES else model["proxy"],
        "health": model.get("checkEndpoint") or "",
        "ttl": defaults.ttl if ttl == -1 else ttl,
        "stop_timeout": model.get("unloadTimeout") or "",
        "env": _env(name, model.get("env") or []),
        "aliases": list(model.get("aliases") or []),
        "upstream_model": model.get("useModelName") or "",
        "parallel": model.get("concurrencyLimit") or DEFAULT_CONCURRENCY,
        "first_byte_timeout": timeouts.get("responseHeader") or "",
        "name": model.get("name") or "",
        "description": model.get("description") or "",
        "metadata": metadata,
        "request": request_filter(name, filters, imported),
    }
    if model.get("unlisted"):
        table["listed"] = False
    loading = model.get("sendLoadingState")
    if defaults.loading_state if loading is None else loading:
        table["loading_state"] = True
    _variants(name, filters.get("setParamsByID") or {}, table, imported)
    for key, why in _DROPPED.items():
        if model.get(key):
            imported.note("dropped", f"models.{name}.{key}: {why}")
    return {key: value for key, value in table.items() if value or value is False}


def command(text: str) -> str:
    """A command as llama-swap reads it, on one line: without comment lines, `\\` joining lines."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").strip()
    line = " ".join(whole.split())
    try:
        same = shlex.split(line) == shlex.split(whole)
    except ValueError:
        return whole  # the check says what is wrong with it
    return line if same else whole


def request_filter(name: str, filters: Mapping[str, Any], imported: Imported) -> dict[str, Any]:
    """`stripParams` and `setParams`; `model` can be neither stripped nor set."""
    stripped = filters.get("stripParams") or filters.get("strip_params") or ""
    remove = [each.strip() for each in stripped.split(",") if each.strip()]
    made = {
        "remove": _flat(name, [key for key in remove if key != "model"], imported),
        "set": _members(name, filters.get("setParams") or {}, imported),
    }
    return {key: value for key, value in made.items() if value}


def _members(name: str, written: Mapping[str, Any], imported: Imported) -> dict[str, Any]:
    keys = _flat(name, [key for key in written if key != "model"], imported)
    return {key: written[key] for key in keys}


def _flat(name: str, keys: list[str], imported: Imported) -> list[str]:
    """The keys that name a member of the body itself; a path into one has no form in Jano."""
    for key in keys:
        if "." in key:
            imported.note("dropped", f"models.{name}.filters: {key} is a path into a member")
    return [key for key in keys if "." not in key]


def _variants(
    name: str, by_id: Mapping[str, Any], table: dict[str, Any], imported: Imported
) -> None:
    for requested, params in by_id.items():
        members = _members(name, params or {}, imported)
        if requested == name:
            table["request"].setdefault("set", {}).update(members)
            imported.note("changed", f"models.{name}: setParamsByID of its own id is for all names")
            continue
        table["aliases"] = [alias for alias in table["aliases"] if alias != requested]
        table.setdefault("variants", {})[requested] = {"set": members}


def _env(name: str, written: list[Any]) -> dict[str, str]:
    pairs = [str(each).partition("=") for each in written]
    for key, equals, _ in pairs:
        if not equals:
            raise fail(f'models.{name}.env: "{key}" must be NAME=value')
    return {key: value for key, _, value in pairs}
