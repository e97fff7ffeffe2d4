"""A plugin's own table is checked like the others."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from jano_core.blueprint import Blueprint, Site
from jano_core.config.json_schema import json_schema
from jano_core.config.load import load
from jano_core.config.secrets import Secrets
from jano_core.config.settings import settings_of
from jano_core.errors import ConfigError
from jano_core.launchers.process import ProcessLauncher
from jano_core.plugin.contracts import Usage, UsageNormalizer
from jano_core.plugin.hookspecs import hookimpl
from jano_core.plugin.openai_backend import OpenAIBackend
from jano_core.plugin.registry import PluginInfo, Registry
from jano_core.strategies.greedy import Greedy
from jano_core.units import Duration


class KeenSettings(msgspec.Struct, kw_only=True):
    """How keen."""

    who: str
    alpha: float = 4.0
    hold: Duration = Duration(2)


class Keen(Greedy):
    name = "keen"
    Settings = KeenSettings


class CustomSettings(msgspec.Struct):
    keep_alive: Duration | None = None


class Custom(OpenAIBackend):
    name = "custom"
    Settings = CustomSettings


@pytest.fixture
def extended() -> Registry:
    """The built-ins and one plugin with settings."""
    module = ModuleType("extension")
    module.jano_strategies = hookimpl(jano_strategies)  # type: ignore[attr-defined]
    module.jano_backends = hookimpl(jano_backends)  # type: ignore[attr-defined]
    registry = Registry.discover(points=[])
    info = PluginInfo(name="jano-extension", version="1", source="")
    registry.add(info, lambda: module)
    assert info.error == ""
    return registry


def jano_strategies() -> list[type[Any]]:
    return [Keen]


def jano_backends() -> list[type[Any]]:
    return [Custom]


GOOD = """
[scheduler]
strategy = "keen"
[scheduler.settings]
who = "${env:WHO}"
hold = "5s"
[backends.custom]
keep_alive = "10m"
"""
WRONG = """
[scheduler]
strategy = "keen"
[scheduler.settings]
hold = "soon"
[backends.custom]
keep_alve = "10m"
"""


def test_settings_are_decoded_with_their_secrets() -> None:
    raw = tomllib.loads(GOOD)
    settings = settings_of(Keen, raw["scheduler"]["settings"], Secrets({"WHO": "ada"}))
    assert settings == KeenSettings(who="ada", alpha=4.0, hold=Duration(5))
    assert settings_of(Greedy, {}, Secrets({})) is None


def test_wrong_settings_are_found_with_the_rest(tmp_path: Any, extended: Registry) -> None:
    file = tmp_path / "jano.toml"
    file.write_text(WRONG)
    with pytest.raises(ConfigError) as caught:
        load(file, extended, {})
    assert [str(problem).removeprefix(f"{file}") for problem in caught.value.problems] == [
        ":5: [scheduler.settings] hold: 'soon' is not a duration; "
        'write "250ms", "30s", "15m", "2h" or seconds as a number',
        ':4: [scheduler.settings]: the key "who" is missing',
        ':7: [backends.custom] keep_alve: unknown key; did you mean "keep_alive"?',
    ]


KEYS = """
[auth]
authenticator = "keys"
[auth.settings]
keys = ["${env:ONE}", "${env:TWO}"]
"""


def test_a_wrong_secret_is_found_and_no_secret_is_shown(tmp_path: Any, extended: Registry) -> None:
    file = tmp_path / "jano.toml"
    file.write_text(KEYS)
    with pytest.raises(ConfigError) as caught:
        load(file, extended, {"ONE": "sk-very-secret", "TWO": ""})
    assert str(caught.value).removeprefix(f"{file}") == (
        ":5: [auth.settings] keys: what a reference in it stands for is wrong: "
        "expected a string of length >= 1"
    )


def test_the_schema_knows_them(extended: Registry) -> None:
    schema = json_schema(extended)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert validator.is_valid(tomllib.loads(GOOD))
    assert not validator.is_valid(tomllib.loads(WRONG))
    assert not validator.is_valid(tomllib.loads('scheduler = { strategy = "keen", settings = {} }'))
    [then] = [
        choice["then"]["properties"]["settings"]
        for choice in schema["properties"]["scheduler"]["allOf"]
        if choice["if"]["properties"]["strategy"]["const"] == "keen"
    ]
    assert then["description"] == "How keen."
    assert then["properties"]["hold"]["default"] == 2.0


class Shelf(ProcessLauncher):
    name = "shelf"
    Settings = KeenSettings


def test_a_launcher_s_settings_are_its_own(tmp_path: Path) -> None:
    module = ModuleType("jano_shelf")
    module.jano_launchers = hookimpl(specname="jano_launchers")(lambda: [Shelf])  # type: ignore[attr-defined]
    registry = Registry.discover(points=[])
    registry.add(PluginInfo(name="jano-shelf", version="1", source="test"), lambda: module)
    file = tmp_path / "jano.toml"
    file.write_text(
        'models.a = { launch = "shelf", cmd = "x ${PORT}", settings = { woh = "a" } }\n'
        'models.b = { cmd = "x ${PORT}", settings = { who = "b" } }\n'
    )
    with pytest.raises(ConfigError) as wrong:
        load(file, registry, {})
    said = str(wrong.value)
    assert 'woh: unknown key; did you mean "who"?' in said
    assert '"process" has no settings' in said
    table = {"launch": "shelf", "cmd": "x", "settings": {"who": "a"}}
    validator = jsonschema.Draft202012Validator(json_schema(registry))
    validator.validate({"models": {"a": table}})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"models": {"a": table | {"settings": {"woh": "a"}}}})


class CensorSettings(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10
    word: str = ""


class Censor(UsageNormalizer):
    name = "censor"
    Settings = CensorSettings

    def __init__(self, settings: CensorSettings) -> None:
        self.settings = settings

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        return Usage(prompt_tokens=self.settings.limit)


@pytest.fixture
def censoring() -> Registry:
    module = ModuleType("jano_censor")
    module.jano_usage_normalizers = hookimpl(specname="jano_usage_normalizers")(lambda: [Censor])  # type: ignore[attr-defined]
    registry = Registry.discover(points=[])
    registry.add(PluginInfo(name="jano-censor", version="1", source="test"), lambda: module)
    return registry


async def nobody(call: httpx.Request) -> httpx.Response:
    raise AssertionError(call)


@pytest.mark.parametrize("text, limit", [("", 10), ("[plugins.censor]\nlimit = 3", 3)])
def test_what_no_key_names_is_made_with_its_own_table(
    tmp_path: Path, censoring: Registry, text: str, limit: int
) -> None:
    file = tmp_path / "jano.toml"
    file.write_text(f'{text}\n[models.a]\nurl = "http://127.0.0.1:1"\n')
    site = Site(
        url="http://x",
        state_folder=None,
        transport=httpx.MockTransport(nobody),
        log_of=lambda buffer: buffer.write,
    )
    reader = Blueprint(load(file, censoring, {}), censoring, site).usage_reader
    assert reader.of_document(b"{}").prompt_tokens == limit


def test_its_table_is_checked_and_one_that_nobody_reads_is_told(
    tmp_path: Path, censoring: Registry
) -> None:
    file = tmp_path / "jano.toml"
    file.write_text('[plugins.censor]\nlimt = 3\n[models.a]\nurl = "http://127.0.0.1:1"\n')
    with pytest.raises(ConfigError, match='limt: unknown key; did you mean "limit"'):
        load(file, censoring, {})
    properties = json_schema(censoring)["properties"]["plugins"]["properties"]
    assert properties["censor"]["properties"].keys() == {"limit", "word"}
    file.write_text('[plugins.openai]\nx = 1\n[models.a]\nurl = "http://127.0.0.1:1"\n')
    assert load(file, censoring, {}).warnings == (
        "[plugins.openai]: nothing that is installed reads it",
    )
