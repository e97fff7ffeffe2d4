"""The original's environment and models.json, its error texts word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jano_core.config.catalog import Catalog
from jano_core.config.importers import convert
from jano_core.config.importers.original import number
from jano_core.config.load import Loaded, load
from jano_core.errors import ConfigError
from jano_core.plugin.registry import Registry

MODELS = {
    "models": [
        {"name": "chat", "url": "http://127.0.0.1:8090", "aliases": ["gpt-4"], "label": "Chat"},
        {"name": "code", "url": "http://127.0.0.1:8091", "extra": "ignored"},
        {
            "name": "whisper",
            "url": "http://127.0.0.1:8092",
            "passthrough": True,
            "endpoints": ["audio/transcriptions"],
        },
    ]
}


class Box:
    """A folder in which the original was used, with nothing of Jano's anywhere."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry

    def write(self, models: Any = MODELS, name: str = "models.json") -> Path:
        file = self.folder / name
        file.write_text(models if isinstance(models, str) else json.dumps(models))
        return file

    def load(self, **env: str) -> Loaded:
        return load(None, self.registry, env)

    def fails(self, **env: str) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(**env)
        return str(caught.value).replace(str(self.folder), "DIR")


@pytest.fixture
def box(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jano_core.config.find.SYSTEM", tmp_path / "etc.toml")
    return Box(tmp_path, registry)


def test_defaults(box: Box) -> None:
    box.write()
    loaded = box.load(SWAP_COMMAND="/opt/swap it.sh")
    config = loaded.config
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8082)
    assert (config.server.first_byte_timeout, config.server.silence_timeout) == (600, 600)
    assert config.scheduler.strategy == "greedy"
    assert config.swap.command == ["/opt/swap it.sh"]
    assert (config.swap.start_timeout, config.swap.failure_limit) == (180, 3)
    assert (config.swap.failure_reset, config.telemetry.usage_records) == (300, 500)
    assert not config.telemetry.history
    chat, whisper = config.models["chat"], config.models["whisper"]
    assert (chat.launch, chat.aliases, chat.name, chat.health) == (
        "script",
        ["gpt-4"],
        "Chat",
        "/health",
    )
    assert (whisper.launch, whisper.resident, whisper.health) == ("attach", True, "none")
    assert whisper.paths == ["/v1/audio/transcriptions"]
    assert loaded.warnings == loaded.files == ()
    assert Catalog(config).spec("chat", {}).cmd == ("/opt/swap it.sh",)


def test_every_variable(box: Box) -> None:
    box.write(name="m.json")
    config = box.load(
        SWAP_COMMAND="s",
        MODELS_FILE="m.json",
        JANO_HOST="0.0.0.0",
        JANO_PORT="0x10",
        SWAP_WAIT_TIMEOUT_MS="1e3",
        HEALTH_POLL_INTERVAL_MS="250",
        REQUEST_TIMEOUT_MS="2500",
        SWAP_FAILURE_LIMIT="1.5",
        SWAP_FAILURE_RESET_MS="0",
        USAGE_RECORDS_MAX="-5",
    ).config
    assert (config.server.host, config.server.port) == ("0.0.0.0", 16)
    assert (config.swap.start_timeout, config.swap.poll_interval) == (1, 0.25)
    assert config.server.first_byte_timeout == config.server.silence_timeout == 2.5
    assert (config.swap.failure_limit, config.swap.failure_reset) == (2, 0)
    assert config.telemetry.usage_records == 1


def test_dot_env_fills_in_what_the_environment_lacks(box: Box) -> None:
    box.write()
    (box.folder / ".env").write_text("SWAP_COMMAND='/from/dotenv'\nJANO_PORT=1\nSCRIPT_VAR=x\n")
    loaded = box.load(JANO_PORT="2", JANO_HOST="")
    assert (loaded.config.swap.command, loaded.config.server.port) == (["/from/dotenv"], 2)
    assert loaded.config.server.host == "127.0.0.1"
    assert loaded.env["SCRIPT_VAR"] == "x"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", 7),
        (" ", 0),
        ("1e3", 1000),
        ("0x10", 16),
        ("0b11", 3),
        ("0o17", 15),
        ("1.5", 1.5),
        (" 12 ", 12),
        (".5", 0.5),
        ("5.", 5),
        ("-3", -3),
    ],
)
def test_numbers_as_javascript_reads_them(value: str, read: float) -> None:
    assert number("N", value, 7) == read


@pytest.mark.parametrize("value", ["ten", "1_000", "Infinity", "1e999", "-0x1", "١", "1 2"])
def test_what_is_no_number(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        number("JANO_PORT", value, 1)
    assert str(caught.value) == f"JANO_PORT must be an integer, got {value}"


GOOD = {"name": "a", "url": "http://h"}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("[]", 'MODELS_FILE must be an object with a "models" array (got DIR/models.json)'),
        ("{", "MODELS_FILE is not valid JSON at DIR/models.json: "),
        ({"models": {}}, 'MODELS_FILE must be an object with a "models" array'),
        ({"models": []}, "models[] must contain at least one entry"),
        ({"models": [GOOD, 3]}, "models[1] must be an object"),
        ({"models": [{"url": "x"}]}, "models[0].name must be a non-empty string"),
        ({"models": [{"name": "", "url": "x"}]}, "models[0].name must be a non-empty string"),
        ({"models": [{"name": "a"}]}, "models[0].url must be a non-empty string"),
        ({"models": [GOOD | {"label": ""}]}, "models[0].label must be a non-empty string"),
        (
            {"models": [GOOD | {"aliases": "x"}]},
            "models[0].aliases must be an array of non-empty strings",
        ),
        (
            {"models": [GOOD | {"endpoints": [""]}]},
            "models[0].endpoints must be an array of non-empty strings",
        ),
        ({"models": [GOOD | {"passthrough": 1}]}, "models[0].passthrough must be a boolean"),
        ({"models": [GOOD, GOOD]}, 'duplicate model name "a"'),
    ],
)
def test_errors_of_the_models_file(box: Box, models: Any, message: str) -> None:
    box.write(models)
    assert box.fails(SWAP_COMMAND="s").startswith(message)


def test_errors_of_the_environment(box: Box) -> None:
    assert box.fails(SWAP_COMMAND="s").startswith("MODELS_FILE not readable at DIR/models.json: ")
    box.write()
    assert box.fails(MODELS_FILE="models.json") == (
        "SWAP_COMMAND is required (set in .env or process env)"
    )
    assert box.fails(SWAP_COMMAND="s", SWAP_FAILURE_LIMIT="0.5") == (
        "FailureBudget.limit must be >= 1, got 0.5"
    )
    assert box.fails(SWAP_COMMAND="s", SWAP_FAILURE_RESET_MS="-1") == (
        "FailureBudget.resetMs must be >= 0, got -1"
    )


def test_aliases_may_collide_and_the_first_declared_wins(box: Box) -> None:
    box.write(
        {
            "models": [
                {"name": "a", "url": "http://h:1", "aliases": ["B", "x"]},
                {"name": "b", "url": "http://h:2", "aliases": ["X"]},
            ]
        }
    )
    loaded = box.load(SWAP_COMMAND="s")
    assert loaded.warnings == (
        '[models] b: "b" is taken by the alias "B" of model "a"; '
        "names are compared without case; the first one wins",
        '[models.b] aliases: "X" is taken by the alias "x" of model "a"; '
        "names are compared without case; the first one wins",
    )
    target = Catalog(loaded.config).find("b")
    assert target is not None
    assert target.model == "a"


def test_a_configuration_file_comes_before_the_environment(box: Box) -> None:
    box.write()
    (box.folder / "jano.toml").write_text('[models.m]\nurl = "http://h:1"\n')
    loaded = load(box.folder / "jano.toml", box.registry, {"SWAP_COMMAND": "s"})
    assert list(loaded.config.models) == ["m"]


@pytest.mark.parametrize("start", ["models.json", ".env"])
def test_import_from_either_file(box: Box, start: str) -> None:
    box.write()
    (box.folder / ".env").write_text("SWAP_COMMAND=/swap.sh\n")
    file = box.folder / start
    imported = convert("original", file.read_text(), file)
    assert imported.notes == []
    made = box.folder / "made.toml"
    made.write_text(imported.config_toml)
    assert load(made, box.registry, {}).config == box.load().config


def test_import_without_a_script_says_so(box: Box) -> None:
    file = box.write()
    [note] = convert("original", file.read_text(), file).notes
    assert (note.kind, note.text) == (
        "changed",
        "no SWAP_COMMAND was found; write it as command in [swap]",
    )
