"""Model servers as units of a real systemd: swapped, watched, left alone, adopted."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from jano_core.toolbox import free_port
from tests.declarative.test_systemd import get, post
from tests.declarative.user_manager import UserManager
from tests.processes import alive, wait_for
from tests.simulated import entries, loads
from tests.wire_client import chat

pytestmark = pytest.mark.wire

MODEL_SERVER = f"{sys.executable} -m jano_core.testing.model_server"

LLAMA_SERVER = """#!/bin/sh
# The command of the shipped template, with a simulated server behind it.
while [ $# -gt 0 ]; do
  case $1 in --port) port=$2 ;; -m) model=$2 ;; esac
  shift
done
exec {server} --port "$port" --name "$model" --book "$HOME/.cache/book"
"""


def existing_units(units: UserManager) -> Path:
    """Two instances of the shipped template behind Jano; returns their servers' book."""
    units.write(".local/bin/llama-server", LLAMA_SERVER.format(server=MODEL_SERVER)).chmod(0o755)
    config = ""
    for name in ("chat", "code"):
        port = free_port()
        units.write(f".config/jano/models/{name}.env", f"PORT={port}\nMODEL={name}\nARGS=\n")
        config += f'[models.{name}]\nunit = "jano-model@{name}.service"\n'
        config += f'url = "http://127.0.0.1:{port}"\n'
    units.configure(config)
    units.systemctl("start", "jano.socket")
    return units.home / ".cache/book"


def transient(units: UserManager, settings: str) -> Path:
    """A model whose unit Jano makes; returns its server's book."""
    book = units.write(".cache/book", "")
    command = f"{MODEL_SERVER} --port ${{PORT}} --name chat --book {book}"
    log = f'log = "{units.home}/.cache/chat.log"'
    settings = f"{settings}\n{log}\n"
    units.configure(
        f'[models.chat]\nlaunch = "systemd"\ncmd = {json.dumps(command)}\n'
        f'env = {{ TOLD = "chat alone" }}\n[models.chat.settings]\n{settings}'
    )
    units.systemctl("start", "jano.socket")
    return book


def state(units: UserManager, model: str) -> str:
    return str(get(units.url, "/status")["models"][model]["state"])


def test_existing_units_swap_and_outlive_a_restart(units: UserManager) -> None:
    book = existing_units(units)
    for model in ("chat", "code", "chat"):
        assert json.loads(post(units.url, chat(model)))["model"] == model
        other = {"chat": "code", "code": "chat"}[model]
        assert units.show(f"jano-model@{model}.service", "ActiveState") == "active"
        assert units.show(f"jano-model@{other}.service", "ActiveState") == "inactive"
    server = units.show("jano-model@chat.service", "MainPID")
    units.systemctl("restart", "jano.service")
    assert state(units, "chat") == "ready", "adopted before the first request"
    assert json.loads(post(units.url, chat("chat")))["model"] == "chat"
    assert units.show("jano-model@chat.service", "MainPID") == server
    assert loads(book) == {"chat": 2, "code": 1}
    units.systemctl("stop", "jano.socket", "jano.service")
    assert units.show("jano-model@chat.service", "ActiveState") == "active"
    units.systemctl("stop", "jano-model@*.service")


def test_of_two_running_units_one_is_adopted_and_one_put_away(units: UserManager) -> None:
    existing_units(units)
    units.systemctl("start", "jano-model@chat.service", "jano-model@code.service")
    get(units.url)
    wait_for(
        lambda: units.show("jano-model@code.service", "ActiveState") == "inactive",
        "room for one at a time",
    )
    assert state(units, "chat") == "ready"
    units.systemctl("stop", "jano-model@*.service")


def test_a_transient_unit_goes_with_jano(units: UserManager) -> None:
    book = transient(units, 'properties = { MemoryMax = "1G", NoNewPrivileges = true }')
    post(units.url, chat("chat"))
    assert units.show("jano-chat.service", "MemoryMax") == str(2**30)
    assert units.show("jano-chat.service", "NoNewPrivileges") == "yes"
    server = int(units.show("jano-chat.service", "MainPID"))
    environment = Path(f"/proc/{server}/environ").read_text().split("\0")
    assert "TOLD=chat alone" in environment
    units.systemctl("stop", "jano.socket", "jano.service")
    assert not alive(server)
    assert [line["what"] for line in entries(book)][-1] == "stop"


def test_a_transient_unit_gets_its_command_word_for_word(units: UserManager) -> None:
    command = [*MODEL_SERVER.split(), "--port", "${PORT}", "--name", "$HOME", "--book", "/dev/null"]
    units.configure(f'[models.chat]\nlaunch = "systemd"\ncmd = {json.dumps(command)}\n')
    units.systemctl("start", "jano.socket")
    post(units.url, chat("chat"))
    server = units.show("jano-chat.service", "MainPID")
    assert "$HOME" in Path(f"/proc/{server}/cmdline").read_text().split("\0")


def test_a_kept_unit_stays_and_is_adopted(units: UserManager) -> None:
    book = transient(units, "keep = true")
    post(units.url, chat("chat"))
    server = units.show("jano-chat.service", "MainPID")
    units.systemctl("restart", "jano.service")
    post(units.url, chat("chat"))
    assert units.show("jano-chat.service", "MainPID") == server
    assert loads(book) == {"chat": 1}

    units.systemctl("stop", "jano.service")
    changed = units.read(".config/jano/jano.toml").replace("chat alone", "something else")
    units.write(".config/jano/jano.toml", changed)
    post(units.url, chat("chat"))
    assert units.show("jano-chat.service", "MainPID") != server, "made of another configuration"
    post(units.url.replace("/v1", ""), chat("chat"))
    units.run(sys.executable, "-m", "jano_core", "unload", "chat", "--url", units.url)
    assert units.show("jano-chat.service", "LoadState") == "not-found", "unloading ends it"


def test_a_crash_is_noticed_and_the_log_is_there(units: UserManager) -> None:
    book = transient(units, "")
    post(units.url, chat("chat"))
    os.kill(int(units.show("jano-chat.service", "MainPID")), signal.SIGKILL)
    wait_for(lambda: state(units, "chat") == "stopped", "the crash to be noticed")
    error = get(units.url, "/status")["models"]["chat"]["lastError"]
    assert "jano-chat.service is failed (signal)" in error
    post(units.url, chat("chat"))
    assert loads(book) == {"chat": 2}
    log = units.run(sys.executable, "-m", "jano_core", "logs", "chat", "--url", units.url)
    assert units.read(".cache/chat.log").splitlines()[0] in log


def test_a_unit_that_cannot_start_says_why(units: UserManager) -> None:
    units.configure('[models.chat]\nunit = "nobody.service"\nurl = "http://127.0.0.1:1"\n')
    units.systemctl("start", "jano.socket")
    load = [sys.executable, "-m", "jano_core", "load", "chat", "--url", units.url]
    said = units.run(*load, check=False)
    assert "there is no unit nobody.service" in said
