"""Reads llama-swap's configuration, keeping its meaning as far as Jano has one for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .llama_swap_macros import expand, keep_env_references, read_macros
from .llama_swap_models import Defaults, convert_model, request_filter
from .llama_swap_residency import convert_residency
from .report import Imported, fail

_DROPPED = {
    "includeAliasesInList": "aliases are found but are no entries of /v1/models",
    "logRequests": "requests are always in the log",
    "logTimeFormat": "times are written as ISO 8601",
    "logToStdout": "the log is one stream; /logs/stream has the others",
    "performance": "there is no hardware monitor",
    "selectors": "there are no selectors: their names will be unknown",
    "store": "activity is kept in memory",
    "ui": "there is nothing to set",
    "upstream": "every path may load a model",
}


def convert(text: str, path: Path) -> Imported:
    """The configuration in `text`, read from `path`; raises `ConfigError`.

    `${env.NAME}` stays a reference, `${PORT}` and `${PID}` stay for the launcher, macros are
    expanded.
    """
    document = _parse(keep_env_references(text), path)
    macros = read_macros(document.get("macros"), "macros")
    models = document.get("models") or {}
    if not isinstance(models, Mapping):
        raise fail("models must be a mapping", path)
    rest = {key: value for key, value in document.items() if key not in ("models", "macros")}
    document = {**expand(rest, macros, ""), "models": models}
    imported = Imported(config=_globals(document))
    defaults = Defaults(
        ttl=document.get("globalTTL") or 0,
        unload_timeout=document.get("unloadTimeout") or 10,
        loading_state=bool(document.get("sendLoadingState")),
    )
    tables = imported.config["models"] = {}
    for name, model in models.items():
        tables[str(name)] = _model(str(name), model, macros, defaults, imported)
    _peers(document.get("peers") or {}, tables, imported)
    _preload(document, tables)
    _priorities(document, tables, imported)
    _profiles(document.get("profiles") or {}, imported)
    _keys(document.get("apiKeys") or [], imported)
    _explain(document, text, imported)
    return imported


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise fail("reading YAML needs PyYAML: pip install 'jano-core[yaml]'", path)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error)
        raise fail(f"is not valid YAML: {why}", path, mark.line + 1 if mark else 0)
    if not isinstance(document, dict):
        raise fail("must be a mapping with models", path)
    return document


def _globals(document: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "scheduler": {"strategy": "greedy"},
        "swap": {
            "start_timeout": max(15, document.get("healthCheckTimeout") or 120),
            "stop_timeout": document.get("unloadTimeout") or 10,
        },
    }
    if memory := convert_residency(document):
        config["memory"] = memory
    telemetry = {}
    if document.get("captureBuffer"):
        telemetry["capture"] = f"{document['captureBuffer']}MB"
    if document.get("metricsMaxInMemory"):
        telemetry["usage_records"] = document["metricsMaxInMemory"]
    return {**config, "telemetry": telemetry} if telemetry else config


def _model(
    name: str, model: object, macros: Mapping[str, Any], defaults: Defaults, imported: Imported
) -> dict[str, Any]:
    if not isinstance(model, Mapping):
        raise fail(f"models.{name} must be a mapping")
    own = read_macros(model.get("macros"), f"models.{name}.macros")
    body = {key: value for key, value in model.items() if key != "macros"}
    for key in ("cmd", "cmdStop"):
        if isinstance(body.get(key), str):  # a macro in a comment need not exist
            lines = body[key].splitlines()
            body[key] = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    expanded = expand(body, {**macros, **own}, f"models.{name}")
    return convert_model(name, expanded, defaults, imported)


def _peers(peers: Mapping[str, Any], tables: dict[str, Any], imported: Imported) -> None:
    """A peer's models as attached ones that are always there, under `peer/model` and, where that
    is unambiguous, under their own name.
    """
    offered = [model for peer in peers.values() for model in peer.get("models") or []]
    for peer, written in peers.items():
        if written.get("apiKey"):
            imported.note("dropped", f"peers.{peer}: Jano does not send a key of its own to peers")
            continue
        for model in written.get("models") or []:
            name = f"{peer}/{model}"
            table = {
                "url": written["proxy"],
                "launch": "attach",
                "resident": True,
                "health": "none",
                "upstream_model": model,
            }
            if offered.count(model) == 1 and model not in tables:
                table["aliases"] = [model]
            if filters := request_filter(name, written.get("filters") or {}, imported):
                table["request"] = filters
            tables[name] = table


def _preload(document: Mapping[str, Any], tables: dict[str, Any]) -> None:
    startup = (document.get("hooks") or {}).get("on_startup") or {}
    for wanted in startup.get("preload") or []:
        for name, table in tables.items():
            if wanted in (name, *table.get("aliases", ()), *table.get("variants", ())):
                table["preload"] = True


def _priorities(document: Mapping[str, Any], tables: dict[str, Any], imported: Imported) -> None:
    node: Any = document
    for key in ("routing", "scheduler", "settings", "fifo", "priority"):
        node = (node or {}).get(key)
    for name, priority in (node or {}).items():
        if name not in tables:
            raise fail(f'routing.scheduler.settings.fifo.priority: unknown model "{name}"')
        if priority:
            tables[name]["priority"] = "high" if priority > 0 else "low"
            imported.note("changed", "priorities have three steps: above 0, 0 and below 0")


def _profiles(profiles: Mapping[str, Any], imported: Imported) -> None:
    for name, written in profiles.items():
        pins = {pin: target or "" for pin, target in (written.get("pins") or {}).items()}
        table = {"description": written.get("description") or "", "pins": pins}
        imported.config.setdefault("profiles", {})[name] = table


def _keys(keys: list[str], imported: Imported) -> None:
    if not keys:
        return
    imported.config["auth"] = {"authenticator": "keys", "settings": {"keys": list(keys)}}
    for index, key in enumerate(keys):
        if key.startswith("${env:"):
            text = f"stays the reference {key}"
        else:
            text = "is written out in the file; a reference ${env:NAME} would hide it"
        imported.note("secret", f"apiKeys[{index}] {text}")


def _explain(document: Mapping[str, Any], text: str, imported: Imported) -> None:
    imported.note(
        "changed",
        "concurrencyLimit (10 where it is not given) is how many requests a server gets at once; "
        "more wait in the queue instead of being answered 429",
    )
    imported.note("changed", "a swap ends a server within unloadTimeout, not healthCheckTimeout")
    if "${PORT}" in text:
        imported.note("ports", "${PORT} is a free port at every start; startPort is not used")
    for key, why in _DROPPED.items():
        if document.get(key):
            imported.note("dropped", f"{key}: {why}")
