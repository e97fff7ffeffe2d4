"""What Jano makes of a model's table, and how it knows its own units again."""

from __future__ import annotations

import pytest

from jano_core import ServerSpec
from jano_systemd import SystemdLauncher
from jano_systemd.transient import Recipe, unit_name


def recipe(**keys: object) -> Recipe:
    given = {"cmd": ("server", "--port", "${PORT}", "--name", "${MODEL}"), "stop_timeout": 7.5}
    spec = ServerSpec(model="chat", **(given | keys))
    return Recipe(spec, {"MemoryMax": "40G"})


def test_the_command_line_has_names_of_variables_and_no_values() -> None:
    made = recipe(own_env={"KEY": "planted"}, cwd="/data")
    words = made.command("jano-chat.service", "user", "http://127.0.0.1:41234", 41234)
    assert words == [
        "systemd-run",
        "--user",
        "--quiet",
        "--no-ask-password",
        "--unit=jano-chat.service",
        "--service-type=exec",
        f"--description={made.description('http://127.0.0.1:41234')}",
        "--property=TimeoutStopSec=7.5",
        "--property=Restart=no",
        "--property=MemoryMax=40G",
        "--setenv=KEY",
        "--working-directory=/data",
        *("--", "server", "--port", "41234", "--name", "chat"),
    ]


def test_systemd_puts_no_variables_into_the_command() -> None:
    made = recipe(cmd=("server", "--key", "${HOME}", "$USER")).command("a.service", "user", "x", 1)
    assert made[-3:] == ["--key", "$${HOME}", "$$USER"]


def test_a_unit_is_known_again_by_what_it_was_made_of() -> None:
    description = recipe().description("http://127.0.0.1:41234")
    assert recipe().url_in(description) == "http://127.0.0.1:41234"
    for other in (recipe(cmd=("server",)), recipe(own_env={"A": "1"}), recipe(cwd="/")):
        assert other.url_in(description) == ""
    assert recipe().url_in("Somebody's server") == ""


@pytest.mark.parametrize(
    ("model", "unit"),
    [
        ("chat", "jano-chat.service"),
        ("qwen2.5:7b", "jano-qwen2.5:7b.service"),
        ("org/chat model", r"jano-org\x2fchat\x20model.service"),
        ("größe", r"jano-gr\xc3\xb6\xc3\x9fe.service"),
    ],
)
def test_any_model_has_a_unit(model: str, unit: str) -> None:
    assert unit_name(model) == unit


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({}, "needs unit"),
        ({"options": {"unit": "chat.service"}}, "needs url"),
        ({"cmd": ("server",), "options": {"unit": "chat"}}, "must end with .service"),
    ],
)
def test_a_table_that_says_too_little(keys: dict[str, object], complaint: str) -> None:
    wrong = list(SystemdLauncher.check(ServerSpec(model="chat", **keys)))
    assert any(complaint in line for line in wrong), wrong


def test_a_good_table_is_accepted() -> None:
    unit = ServerSpec(model="chat", url="http://127.0.0.1:1", options={"unit": "chat.service"})
    assert list(SystemdLauncher.check(unit)) == []
    assert list(SystemdLauncher.check(recipe().spec)) == []
