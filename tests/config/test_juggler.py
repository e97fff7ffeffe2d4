"""AI Model Juggler's endpoints become models with paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jano_core.config.importers import convert
from jano_core.config.importers.report import Imported
from jano_core.config.load import load
from jano_core.errors import ConfigError
from jano_core.plugin.registry import Registry

FILE = Path("config.json")

CONFIG: dict[str, Any] = {
    "temp_dir": "/tmp/x",
    "backends": {
        "llamacpp": {"binary": "/bin/llama-server", "default_parameters": ["-ngl", "99"]},
        "sdwebui": {"attach_to": "http://localhost:7860"},
        "ollama": {"binary": "ollama", "attach_to": "http://localhost:11434"},
    },
    "servers": [
        {
            "name": "main",
            "host": "localhost",
            "port": 8081,
            "endpoints": [
                {
                    "name": "images",
                    "backend": "sdwebui",
                    "path_prefix": "/sd",
                    "strip_prefix": True,
                },
                {"name": "text", "backend": "llamacpp", "parameters": ["-m", "a.gguf"]},
            ],
        },
        {
            "name": "other",
            "port": 8082,
            "endpoints": [
                {"name": "text", "backend": "llamacpp", "kv_cache_saving": False},
                {"name": "pool", "backend": "ollama", "path_prefix": "/ollama"},
            ],
        },
    ],
    "warmup": [
        {"server": "main", "endpoint": "images"},
        {"server": "main", "endpoint": "text"},
    ],
}


def converted(config: object = CONFIG) -> Imported:
    return convert("juggler", config if isinstance(config, str) else json.dumps(config), FILE)


def changed(**keys: Any) -> dict[str, Any]:
    return {**CONFIG, **keys}


def test_the_whole() -> None:
    assert converted().config == {
        "server": {"host": "127.0.0.1", "port": 8081},
        "models": {
            "images": {
                "backend": "sdwebui",
                "url": "http://localhost:7860",
                "paths": ["/sd"],
                "strip_prefix": True,
            },
            "main-text": {
                "backend": "llamacpp",
                "cmd": ["/bin/llama-server", "-ngl", "99", "-m", "a.gguf", "--port", "${PORT}"],
                "save_kv": True,
                "preload": True,
            },
            "other-text": {
                "backend": "llamacpp",
                "cmd": ["/bin/llama-server", "-ngl", "99", "--port", "${PORT}"],
            },
            "pool": {
                "backend": "ollama",
                "cmd": ["env", "OLLAMA_HOST=127.0.0.1:${PORT}", "ollama", "serve"],
                "paths": ["/ollama"],
            },
        },
    }


def test_the_report() -> None:
    assert [(note.kind, note.text) for note in converted().notes] == [
        ("ports", "main-text: several endpoints have /; use /upstream/main-text/"),
        ("ports", "other-text: several endpoints have /; use /upstream/other-text/"),
        ("changed", "pool: it is started; attach_to (http://localhost:11434) is not tried first"),
        ("ports", "pool: port 8082 is now the router's, /ollama"),
        ("changed", "warmup: only the last one is loaded; it would end the others"),
        ("changed", "requests are passed on; clients are no longer redirected"),
        ("dropped", "temp_dir: Jano keeps its files in its own state folder"),
        ("ports", "server other: port 8082 is gone"),
    ]


def test_an_endpoint_without_a_prefix_takes_every_path() -> None:
    one = {"name": "a", "backend": "llamacpp"}
    config = changed(servers=[{"name": "s", "port": 1, "endpoints": [one]}], warmup=[])
    assert converted(config).config["models"]["a"]["paths"] == ["/"]


def test_trailing_commas_are_forgiven() -> None:
    text = json.dumps(changed(warmup=[])).replace("]}", "],}").replace('"/tmp/x"', '"a,]"')
    assert converted(text).config["models"].keys() == converted().config["models"].keys()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "config.json:1: is not valid JSON: "),
        ([], "config.json: must be an object with backends and servers"),
        ({}, "config.json: must have a list of servers"),
        ({"models": []}, "config.json: looks like a models.json of the original Jano; "),
        (
            changed(servers=[{"port": 1}, {"port": 1}]),
            "Duplicate server port: 1",
        ),
        (changed(backends={}), 'endpoint images: there is no backend "sdwebui" in backends'),
        (
            changed(backends=CONFIG["backends"] | {"sdwebui": {}}),
            "backends.sdwebui: neither binary nor attach_to is given",
        ),
        (
            changed(backends=CONFIG["backends"] | {"llamacpp": {"attach_to": "http://h"}}),
            "backends.llamacpp: it cannot be attached to, give binary",
        ),
        (
            changed(warmup=[{"server": "main", "endpoint": "nope"}]),
            "warmup: there is no endpoint nope on this server",
        ),
        ({"servers": [3]}, "config.json: is not as juggler would have it: "),
    ],
)
def test_what_cannot_be_converted_is_said(config: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        converted(config)
    assert str(caught.value).startswith(message)


def test_read_directly_it_names_the_backends_that_are_missing(
    tmp_path: Path, registry: Registry
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG))
    with pytest.raises(ConfigError) as caught:
        load(file, registry, {})
    assert str(caught.value.problems[0]) == (
        f'{file}: [models.images] backend: unknown backend "sdwebui"; installed: openai'
    )
