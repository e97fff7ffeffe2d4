"""The commands that need no router, and the group that holds them all."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from jano_core.cli.group import COMMANDS, LazyGroup, cli

CONFIG = '[models.chat]\ncmd = "server --port ${PORT}"\naliases = ["gpt"]\n'
LLAMA_SWAP = "models:\n  chat:\n    cmd: server --port ${PORT}\n"
HEAVY = ("anyio", "granian", "httpx", "msgspec", "opentelemetry", "pluggy", "asyncio")


def jano(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="jano")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "jano.toml"
    path.write_text(CONFIG)
    return path


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from jano_core.cli.group import cli\n"
        "cli(['--help'], prog_name='jano', standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name, line in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert line in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = jano(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: jano {name}")


def test_an_unknown_command_is_wrong_usage() -> None:
    assert jano("sing").exit_code == 2


def test_check_says_what_it_read(config: Path) -> None:
    result = jano("check", "--config", str(config))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"ok: {config}", "  chat: openai, process  (also gpt)"]


def test_check_warns_of_programs_that_are_not_here(config: Path) -> None:
    config.write_text(
        '[swap]\ncommand = "/no/such/swap"\n[models.a]\nlaunch = "script"\nurl = "http://a"\n'
        '[models.b]\ncmd = "no-such-server ${PORT}"\n'
        '[models.d]\nlaunch = "script"\nurl = "http://d"\n'
        f"[models.c]\ncmd = ['{sys.executable}', '${{PORT}}']\n"
    )
    result = jano("check", "--config", str(config))
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        'warning: [swap] command: there is no program "/no/such/swap" here',
        'warning: [models.b] cmd: there is no program "no-such-server" here',
    ]


def test_check_names_each_error_on_a_line(config: Path) -> None:
    config.write_text(CONFIG + 'helth = "/x"\nttl = "soon"\n')
    result = jano("check", "--config", str(config))
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert len(lines) == 2
    assert all(str(config) in line and "models.chat" in line for line in lines)


def test_check_as_json(config: Path) -> None:
    good = jano("check", "--json", "--config", str(config))
    assert json.loads(good.output)["models"]["chat"]["aliases"] == ["gpt"]
    config.write_text(CONFIG + 'helth = "/x"\n')
    bad = jano("check", "--json", "--config", str(config))
    assert bad.exit_code == 2
    (error,) = json.loads(bad.output)["errors"]
    assert (error["file"], error["table"], error["key"]) == (str(config), "models.chat", "helth")


def test_serve_refuses_a_wrong_configuration(config: Path) -> None:
    config.write_text("[models.chat]\nport = 1\n")
    result = jano("serve", "--config", str(config))
    assert result.exit_code == 2
    assert str(config) in result.output


def test_plugins_lists_the_core() -> None:
    assert "strategies: " in jano("plugins").output
    plugins = json.loads(jano("plugins", "--json").output)
    core = next(plugin for plugin in plugins if plugin["name"] == "jano-core")
    assert "fifo" in core["provides"]["strategies"]


def test_schema_knows_the_tables() -> None:
    tables = json.loads(jano("schema").output)["properties"]
    assert {"server", "scheduler", "models"} <= set(tables)
    assert len(jano("schema", "--json").output.splitlines()) == 1


def test_import_of_what_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_bytes(b"\xff")
    result = jano("import", "llama-swap", str(tmp_path / "theirs.yaml"))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "is not UTF-8" in result.stderr


def test_import_prints_or_writes_a_configuration_that_is_valid(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "config.yaml", tmp_path / "new" / "jano.toml"
    theirs.write_text(LLAMA_SWAP)
    assert "[models.chat]" in jano("import", "llama-swap", str(theirs)).stdout
    arguments = ("import", "llama-swap", str(theirs), "--output", str(ours))
    assert jano(*arguments).exit_code == 0
    assert jano("check", "--config", str(ours)).exit_code == 0
    assert jano(*arguments).exit_code == 2
    assert jano(*arguments, "--force").exit_code == 0


def test_a_file_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    picture = tmp_path / "gone" / "picture.svg"
    result = jano("simulate", "--trace", "sleepers", "--picture", str(picture))
    assert result.exit_code == 1
    assert result.output == f"jano: {picture}: No such file or directory\n"


def test_so_is_one_that_comes_in_a_group_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a router that starts."""

    def fail() -> None:
        raise ExceptionGroup("", [PermissionError(errno.EACCES, "Permission denied", "/state")])

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: click.Command("x", callback=fail))
    result = jano("serve")
    assert (result.exit_code, result.output) == (1, "jano: /state: Permission denied\n")


def test_check_warns_of_an_exporter_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    config = tmp_path / "jano.toml"
    config.write_text('[telemetry]\notlp = true\n[models.chat]\nurl = "http://127.0.0.1:1"\n')
    result = jano("check", "--config", str(config))
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: [telemetry] otlp: the OpenTelemetry traces exporter 'zipkin' is not installed\n"
    )
