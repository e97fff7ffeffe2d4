"""llama-swap's configuration keeps its meaning."""

from __future__ import annotations

import builtins
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jano_core.config.catalog import Catalog
from jano_core.config.importers import convert
from jano_core.config.importers.report import Imported
from jano_core.config.load import Loaded, load
from jano_core.errors import ConfigError
from jano_core.plugin.registry import Registry

pytest.importorskip("yaml", reason="reading YAML needs PyYAML: pip install 'jano-core[yaml]'")

FILE = Path("config.yaml")

WHOLE = """
healthCheckTimeout: 90
unloadTimeout: 5
globalTTL: 300
sendLoadingState: true
startPort: 6000
logLevel: debug
metricsMaxInMemory: 200
captureBuffer: 5
includeAliasesInList: true
apiKeys:
  - "${env.SWAP_KEY}"
macros:
  bin: /opt/llama-server
  server: "${bin} --port ${PORT}"
  context: 4096
hooks:
  on_startup:
    preload: [gpt]
routing:
  scheduler:
    settings:
      fifo:
        priority: { chat: 10, code: -1 }
profiles:
  day:
    description: by day
    pins: { gpt: code, big: null }
models:
  chat:
    macros:
      bin: /own/llama-server
      where: "models/${MODEL_ID}"
    cmd: |
      # the ${undefined} comment is dropped
      ${server}
      --ctx ${context} \\
      -m "/x/${where}"
    cmdStop: kill ${PID}
    env: ["A=1", "TOKEN=${env.HF_TOKEN}"]
    aliases: [gpt]
    useModelName: real
    filters:
      stripParams: "temperature, model, top_k"
      setParams: { top_p: 0.9, model: never }
      setParamsByID:
        "chat:high": { effort: high }
        gpt: { effort: low }
    metadata: { context: "${context}", text: "n=${context}" }
    capabilities: { in: [text] }
  code:
    cmd: server --port 9001
    proxy: http://127.0.0.1:9001
    checkEndpoint: none
    ttl: 0
    unloadTimeout: 7
    concurrencyLimit: 2
    sendLoadingState: false
    unlisted: true
    name: Coder
    description: codes
    timeouts: { responseHeader: 60 }
"""


def converted(text: str) -> Imported:
    return convert("llama-swap", textwrap.dedent(text), FILE)


def loaded(tmp_path: Path, registry: Registry, text: str, env: Mapping[str, str] = {}) -> Loaded:
    file = tmp_path / "config.yaml"
    file.write_text(textwrap.dedent(text))
    return load(file, registry, env)


def test_models() -> None:
    models = converted(WHOLE).config["models"]
    assert models["chat"] == {
        "cmd": '/own/llama-server --port ${PORT} --ctx 4096 -m "/x/models/${MODEL}"',
        "cmd_stop": "kill ${PID}",
        "ttl": 300,
        "env": {"A": "1", "TOKEN": "${env:HF_TOKEN}"},
        "upstream_model": "real",
        "parallel": 10,
        "metadata": {"context": 4096, "text": "n=4096", "capabilities": {"in": ["text"]}},
        "request": {"remove": ["temperature", "top_k"], "set": {"top_p": 0.9}},
        "variants": {"chat:high": {"set": {"effort": "high"}}, "gpt": {"set": {"effort": "low"}}},
        "loading_state": True,
        "preload": True,
        "priority": "high",
    }
    assert models["code"] == {
        "cmd": "server --port 9001",
        "url": "http://127.0.0.1:9001",
        "health": "none",
        "stop_timeout": 7,
        "parallel": 2,
        "first_byte_timeout": 60,
        "name": "Coder",
        "description": "codes",
        "listed": False,
        "priority": "low",
    }


def test_globals() -> None:
    config = converted(WHOLE).config
    del config["models"]
    assert config == {
        "scheduler": {"strategy": "greedy"},
        "swap": {"start_timeout": 90, "stop_timeout": 5},
        "telemetry": {"capture": "5MB", "usage_records": 200},
        "profiles": {"day": {"description": "by day", "pins": {"gpt": "code", "big": ""}}},
        "auth": {"authenticator": "keys", "settings": {"keys": ["${env:SWAP_KEY}"]}},
    }


def test_the_report() -> None:
    imported = converted(WHOLE)
    by_kind: dict[str, list[str]] = {}
    for note in imported.notes:
        by_kind.setdefault(note.kind, []).append(note.text)
    assert by_kind["secret"] == ["apiKeys[0] stays the reference ${env:SWAP_KEY}"]
    assert by_kind["ports"] == ["${PORT} is a free port at every start; startPort is not used"]
    assert by_kind["dropped"] == [
        "includeAliasesInList: aliases are found but are no entries of /v1/models"
    ]
    assert "a swap ends a server within unloadTimeout, not healthCheckTimeout" in by_kind["changed"]
    assert tomllib.loads(imported.config_toml) == imported.config


def test_it_is_served_directly(tmp_path: Path, registry: Registry) -> None:
    text = """
        models:
          chat: { cmd: "server --port ${PORT}", env: ["T=${env.TOKEN}"], aliases: [gpt] }
          code: { cmd: "server --port ${PORT}" }
    """
    found = loaded(tmp_path, registry, text, {"TOKEN": "hunter22"})
    assert found.config.memory.budget is None
    spec = Catalog(found.config, found.secrets).spec("chat", {})
    assert (spec.cmd, spec.env) == (("server", "--port", "${PORT}"), {"T": "hunter22"})
    assert (spec.start_timeout, spec.stop_timeout, spec.parallel) == (120, 10, 10)


def test_short_health_timeouts_are_raised() -> None:
    assert converted("healthCheckTimeout: 3").config["swap"]["start_timeout"] == 15


@pytest.mark.parametrize(
    "groups",
    [
        "groups: { a: { members: [chat] } }",
        "groups: { a: { members: [chat], swap: true, exclusive: true }, b: { members: [code] } }",
        "routing: { router: { use: group, settings: { groups: { a: { members: [chat] } } } } }",
    ],
)
def test_default_groups_are_one_model_at_a_time(groups: str) -> None:
    assert "memory" not in converted(groups).config


def test_other_groups_become_their_rule(tmp_path: Path, registry: Registry) -> None:
    text = """
        groups: { small: { swap: false, members: [chat] } }
        models: { chat: { cmd: "x ${PORT}" } }
    """
    assert converted(text).config["memory"] == {
        "rule": "groups",
        "settings": {
            "groups": {
                "small": {
                    "swap": False,
                    "exclusive": True,
                    "persistent": False,
                    "members": ["chat"],
                }
            }
        },
    }
    assert loaded(tmp_path, registry, text).config.memory.rule == "groups"


def test_the_matrix_is_carried_over() -> None:
    matrix = {"vars": {"a": "chat"}, "evict_costs": {"a": 2}, "sets": {"one": "a"}}
    text = f"matrix: {matrix}"
    assert converted(text).config["memory"] == {"rule": "matrix", "settings": {"matrix": matrix}}


def test_peers_become_residents() -> None:
    imported = converted(
        """
        models: { chat: { cmd: "x ${PORT}" } }
        peers:
          box: { proxy: "http://box:1", models: [chat, big], filters: { stripParams: a } }
          paid: { proxy: "https://paid", apiKey: "${env.K}", models: [gpt] }
        """
    )
    models = imported.config["models"]
    assert models["box/big"] == {
        "url": "http://box:1",
        "launch": "attach",
        "resident": True,
        "health": "none",
        "upstream_model": "big",
        "aliases": ["big"],
        "request": {"remove": ["a"]},
    }
    assert "aliases" not in models["box/chat"]
    assert "paid/gpt" not in models
    assert ("dropped", "peers.paid: Jano does not send a key of its own to peers") in [
        (note.kind, note.text) for note in imported.notes
    ]


def test_a_command_keeps_line_ends_inside_quotes() -> None:
    model = converted("models: { a: { cmd: \"bash -c 'one\\n\\ntwo' ${PORT}\" } }").config["models"]
    assert model["a"]["cmd"] == "bash -c 'one\n\ntwo' ${PORT}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", "config.yaml:1: is not valid YAML: "),
        ("- a", "config.yaml: must be a mapping with models"),
        ("models: 3", "config.yaml: models must be a mapping"),
        ("models: { a: 3 }", "models.a must be a mapping"),
        ('models: { a: { cmd: "${nope}" } }', "models.a.cmd: unknown macro ${nope}"),
        ('macros: { a: "${b}", b: 1 }\nmodels: { m: { cmd: "${a}" } }', "models.m.cmd: unknown"),
        ("macros: { PORT: 1 }", 'macros: "PORT" is no name for a macro'),
        ('models: { a: { env: ["X"] } }', 'models.a.env: "X" must be NAME=value'),
        ("groups: { a: {} }", "groups.a must have a list of members"),
        ("groups: { a: { members: [] } }\nmatrix: { sets: {} }", "groups and matrix exclude"),
        ("models: { a: { filters: 3 } }", "config.yaml: is not as llama-swap would have it: "),
    ],
)
def test_what_cannot_be_converted_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        converted(text)
    assert str(caught.value).startswith(message)


def test_without_yaml_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'jano-core\[yaml\]'"):
        converted("models: {}")
