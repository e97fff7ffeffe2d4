"""The page that lists the configuration's keys is the code's own word."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from jano_core.config.load import load
from jano_core.config.schema import Config, ModelTable
from jano_core.plugin.registry import Registry
from jano_core.strategies.headstart import HeadStartSettings
from jano_core.units import Duration, Size

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
TEXT = PAGE.read_text(encoding="utf-8")
EVERY_KEY, NAMED, SETTINGS, GROUPS = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
TOLD = tomllib.loads(EVERY_KEY)
TABLES = ("server", "scheduler", "memory", "swap", "models", "auth", "telemetry")


def same(told: object, default: object) -> bool:
    """Whether the page's value means the default; nothing may be an empty string or table."""
    if isinstance(default, Duration | Size):
        return type(default).parse(told) == default
    return told == default or (told == "" and default is None) or (told == {} and not default)


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_there_with_its_default(table: str) -> None:
    models = table == "models"
    told = TOLD["models"]["chat"] if models else TOLD[table]
    real = msgspec.structs.asdict(ModelTable() if models else getattr(Config(), table))
    assert list(told) == list(real)
    assert {key: value for key, value in told.items() if not same(value, real[key])} == {}


def test_the_settings_of_the_default_strategy() -> None:
    told = tomllib.loads(SETTINGS)["scheduler"]["settings"]
    assert msgspec.convert(told, HeadStartSettings) == HeadStartSettings()
    assert list(told) == list(HeadStartSettings.__struct_fields__)


def test_jano_reads_what_it_lists(tmp_path: Path) -> None:
    file = tmp_path / "jano.toml"
    file.write_text(EVERY_KEY.replace('cmd = ""', 'cmd = "server ${PORT}"'))
    assert set(load(file, Registry.discover()).config.models) == {"chat"}


def test_jano_reads_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JANO_KEY", "secret")
    models = "".join(f'[models.{name}]\ncmd = "{name} ${{PORT}}"\n' for name in ("chat", "code"))
    chosen = '[memory]\nrule = "groups"\n[auth]\nauthenticator = "keys"\n'
    file = tmp_path / "jano.toml"
    file.write_text("\n".join([models, chosen, NAMED, SETTINGS, GROUPS]))
    config = load(file, Registry.discover()).config
    assert config.profiles["quick"].pins == {"code": "chat"}
