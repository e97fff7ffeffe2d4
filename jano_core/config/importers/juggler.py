"""Reads AI Model Juggler's configuration: every endpoint becomes a model with a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .report import Imported, fail

ATTACHABLE = ("sdwebui", "comfyui", "ollama")
STARTABLE = ("llamacpp", "sdwebui", "koboldcpp", "ollama")

_STRING_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(\s*[\]}])')


def convert(text: str, path: Path) -> Imported:
    """The configuration in `text`, read from `path`; raises `ConfigError`.

    Juggler's endpoints exclude each other, which is Jano's empty budget.
    """
    document = _parse(text, path)
    servers = document.get("servers")
    if not isinstance(servers, list) or not servers:
        raise fail("must have a list of servers", path)
    imported = Imported(config={"server": _server(servers[0])})
    tables = imported.config["models"] = {}
    backends = document.get("backends") or {}
    endpoints = list(_endpoints(servers))
    for server, endpoint in endpoints:
        name = _name(server, endpoint, endpoints)
        table = _model(name, endpoint, backends.get(endpoint["backend"]), imported)
        tables[name] = table | _path(name, server, endpoint, endpoints, imported)
    _warmup(document.get("warmup") or [], endpoints, tables, imported)
    _explain(document, servers, imported)
    return imported


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        # Juggler's own example has trailing commas.
        document = json.loads(_STRING_OR_COMMA.sub(lambda found: found[1] or found[2], text))
    except json.JSONDecodeError as error:
        raise fail(f"is not valid JSON: {error.msg}", path, error.lineno)
    if not isinstance(document, dict):
        raise fail("must be an object with backends and servers", path)
    if "models" in document and "servers" not in document:
        raise fail(
            "looks like a models.json of the original Jano; "
            "set SWAP_COMMAND and MODELS_FILE, or convert it with `jano import original`",
            path,
        )
    return document


def _server(server: Mapping[str, Any]) -> dict[str, Any]:
    host = server.get("host") or "127.0.0.1"
    table: dict[str, Any] = {"host": "127.0.0.1" if host == "localhost" else host}
    return table | ({"port": server["port"]} if "port" in server else {})


def _endpoints(servers: list[Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    ports: set[int] = set()
    for server in servers:
        if server.get("port") in ports:
            raise fail(f"Duplicate server port: {server['port']}")
        ports.add(server.get("port"))
        for endpoint in server.get("endpoints") or []:
            if not endpoint.get("name") or not endpoint.get("backend"):
                raise fail(f"an endpoint of server {server.get('name')} has no name or no backend")
            yield server, endpoint


def _name(server: Mapping[str, Any], endpoint: Mapping[str, Any], endpoints: list[Any]) -> str:
    name: str = endpoint["name"]
    same = [other for _, other in endpoints if other["name"].casefold() == name.casefold()]
    return name if len(same) == 1 else f"{server.get('name')}-{name}"


def _model(
    name: str, endpoint: Mapping[str, Any], settings: object, imported: Imported
) -> dict[str, Any]:
    kind = endpoint["backend"]
    if not isinstance(settings, Mapping):
        raise fail(f'endpoint {name}: there is no backend "{kind}" in backends')
    binary, url = settings.get("binary"), settings.get("attach_to")
    if binary and kind not in STARTABLE:
        raise fail(f"backends.{kind}: it cannot be started, give attach_to")
    if url and kind not in ATTACHABLE:
        raise fail(f"backends.{kind}: it cannot be attached to, give binary")
    if not (binary or url):
        raise fail(f"backends.{kind}: neither binary nor attach_to is given")
    table: dict[str, Any] = {"backend": kind}
    if binary:
        arguments = [*settings.get("default_parameters", []), *endpoint.get("parameters", [])]
        table["cmd"] = _command(kind, binary, arguments)
        if url:
            imported.note("changed", f"{name}: it is started; attach_to ({url}) is not tried first")
    else:
        table["url"] = url
    if kind == "llamacpp" and endpoint.get("kv_cache_saving", True):
        table["save_kv"] = True
    if settings.get("model_unloading") is False:
        imported.note("dropped", f"backends.{kind}.model_unloading: the backend decides")
    return table


def _command(kind: str, binary: str, arguments: list[str]) -> list[str]:
    if kind == "ollama":
        return ["env", "OLLAMA_HOST=127.0.0.1:${PORT}", binary, "serve", *arguments]
    extra = ["--nowebui"] if kind == "sdwebui" else []
    return [binary, *arguments, "--port", "${PORT}", *extra]


def _path(
    name: str,
    server: Mapping[str, Any],
    endpoint: Mapping[str, Any],
    endpoints: list[Any],
    imported: Imported,
) -> dict[str, Any]:
    """All servers answer on one port now, so a prefix stays only where it is the only one."""
    prefix = endpoint.get("path_prefix") or "/"
    same = [other for _, other in endpoints if (other.get("path_prefix") or "/") == prefix]
    if len(same) > 1:
        imported.note("ports", f"{name}: several endpoints have {prefix}; use /upstream/{name}/")
        return {}
    if server is not endpoints[0][0]:
        imported.note("ports", f"{name}: port {server.get('port')} is now the router's, {prefix}")
    table: dict[str, Any] = {"paths": [prefix]}
    return table | ({"strip_prefix": True} if endpoint.get("strip_prefix") else {})


def _warmup(
    wanted: list[Mapping[str, str]],
    endpoints: list[Any],
    tables: dict[str, Any],
    imported: Imported,
) -> None:
    names = {
        (server.get("name"), endpoint["name"]): name
        for (server, endpoint), name in zip(endpoints, tables, strict=True)
    }
    for step in wanted:
        if (step.get("server"), step.get("endpoint")) not in names:
            raise fail(f"warmup: there is no endpoint {step.get('endpoint')} on this server")
    if wanted:
        last = wanted[-1]
        tables[names[last["server"], last["endpoint"]]]["preload"] = True
    if len(wanted) > 1:
        imported.note("changed", "warmup: only the last one is loaded; it would end the others")


def _explain(document: Mapping[str, Any], servers: list[Any], imported: Imported) -> None:
    imported.note("changed", "requests are passed on; clients are no longer redirected")
    if "temp_dir" in document:
        imported.note("dropped", "temp_dir: Jano keeps its files in its own state folder")
    for server in servers[1:]:
        imported.note("ports", f"server {server.get('name')}: port {server.get('port')} is gone")
