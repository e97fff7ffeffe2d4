"""The schema accepts what loading accepts and refuses what it refuses."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from jano_core.config.json_schema import json_schema
from jano_core.config.load import load
from jano_core.plugin.registry import Registry

EXAMPLES = [
    file
    for file in sorted((Path(__file__).parents[2] / "examples").rglob("jano.toml"))
    if not (file.parent / "pyproject.toml").exists()  # it brings a plugin of its own
]


@pytest.fixture
def validator(registry: Registry) -> Any:
    schema = json_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_examples_are_valid(file: Path) -> None:
    registry = Registry.discover()  # they use first-party plugins
    validator = jsonschema.Draft202012Validator(json_schema(registry))
    validator.validate(tomllib.loads(file.read_text()))
    assert load(file, registry, {"HF_TOKEN": "token"}).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        'models.a.backend = "vlm"',
        'models.a.launch = "pod"',
        "models.a.paralel = 1",
        "models.a.parallel = 0",
        'models.a.ttl = "5x"',
        'models.a.priority = "urgent"',
        "server.port = 70000",
        'scheduler.strategy = "best"',
        "scheduler.settings.alfa = 1",
        "backends.none.x = 1",
        "sevrer.port = 1",
    ],
)
def test_what_is_wrong_is_refused(validator: Any, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))


def test_unset_values_and_units_are_accepted(validator: Any) -> None:
    validator.validate(
        tomllib.loads('memory.budget = ""\nmodels.a = { load_time = "", memory = "2GiB", ttl = 5 }')
    )


def test_defaults_are_shown(validator: Any) -> None:
    server = validator.schema["properties"]["server"]["properties"]
    assert (server["port"]["default"], server["shutdown_grace"]["default"]) == (8082, 30.0)
    assert server["max_body"]["default"] == 256 * 2**20
    assert server["keepalive"]["default"] == 15.0
    budget = validator.schema["properties"]["memory"]["properties"]["budget"]
    assert budget["default"] == ""


def test_descriptions_are_the_docstrings(validator: Any) -> None:
    server = validator.schema["properties"]["server"]
    assert server["description"].startswith("`[server]`: where Jano listens")
