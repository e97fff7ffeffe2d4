"""Secrets are planted wherever one may be, and looked for wherever none must be."""

from __future__ import annotations

import json
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.declarative.test_model_units import MODEL_SERVER
from tests.declarative.test_systemd import post
from tests.declarative.user_manager import USER, UserManager
from tests.processes import commands
from tests.wire_client import chat

pytestmark = pytest.mark.wire

CREDENTIAL = "planted-credential-7f3a"
OF_A_UNIT = "planted-in-a-unit-91bc"
VARIABLE = "planted-variable-2d5e"
IN_A_FILE = "planted-in-a-file-c048"
PLANTED = (CREDENTIAL, OF_A_UNIT, VARIABLE, IN_A_FILE)

PAGES = ("/running", "/status", "/health", "/logs", "/metrics", "/usage", "/v1/models")
PAGES += ("/api/queue", "/api/version", "/logs/stream/chat?no-history", "/api/metrics/activity")


def configuration(home: Path) -> str:
    def command(name: str, then: str) -> str:
        return json.dumps(["sh", "-c", f'echo "{name} was told $KEY"; {then}'])

    def server(name: str) -> str:
        return f"exec {MODEL_SERVER} --port ${{PORT}} --name {name}"

    return f"""
        [memory]
        budget = "3GB"
        [models.chat]
        cmd = {command("chat", server("chat"))}
        env = {{ KEY = "${{credential:model}}" }}
        memory = "1GB"
        [models.chat.request]
        set = {{ user = "${{env:PLANTED}}", metadata = {{ key = "${{file:{home}/secret}}" }} }}
        [models.code]
        launch = "systemd"
        cmd = {command("code", server("code"))}
        env = {{ KEY = "${{file:{home}/unit-secret}}" }}
        memory = "1GB"
        [models.code.settings]
        log = "{home}/code.log"
        [models.broken]
        cmd = {command("broken", "exit 3")}
        env = {{ KEY = "${{credential:model}}" }}
        url = "http://127.0.0.1:9"
        memory = "1GB"
    """


@pytest.fixture
def router(units: UserManager) -> UserManager:
    """A router with every kind of secret, all its models used, one of them broken."""
    units.write("secret", IN_A_FILE)
    units.write("unit-secret", OF_A_UNIT)
    units.write("credential", CREDENTIAL)
    units.write("environment", f"PLANTED={VARIABLE}\n")
    lines = f"LoadCredential=model:{units.home}/credential\nEnvironmentFile=%h/environment"
    units.configure(configuration(units.home), unit=lines)
    units.systemctl("start", "jano.socket")
    post(units.url, chat("chat"))
    post(units.url, chat("code"))
    return units


def said(router: UserManager, path: str) -> str:
    """A page, of an endless one what comes at once."""
    return router.run("curl", "-s", "--max-time", "0.5", router.url + path, check=False)


def failure(router: UserManager, model: str) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(router.url, chat(model))
    return refused.value.read().decode()


def environment(router: UserManager, unit_or_pid: str) -> str:
    pid = router.show(unit_or_pid, "MainPID") if unit_or_pid.endswith("ice") else unit_or_pid
    return Path(f"/proc/{pid}/environ").read_text()


def test_planted_secrets_are_found_nowhere(router: UserManager) -> None:
    looked_at = {path: said(router, path) for path in PAGES}
    looked_at["the error of a broken model"] = failure(router, "broken")
    looked_at["the error of an unknown one"] = failure(router, "nobody")
    for words in (("status",), ("status", "--json"), ("logs",), ("logs", "chat"), ("logs", "code")):
        command = [sys.executable, "-m", "jano_core", *words, "--url", router.url]
        looked_at[" ".join(words)] = router.run(*command)
    looked_at["the router's log"] = router.read("jano.log")
    looked_at["systemctl status"] = router.systemctl("status", "jano.service")
    looked_at["every command line"] = "\n".join(
        path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)
    )
    for folder in (router.home / ".config", router.home / ".local"):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                looked_at[str(path)] = path.read_text(errors="replace")

    found = [(place, each) for place, text in looked_at.items() for each in PLANTED if each in text]
    assert found == []
    assert "broken was told ***" in looked_at["the error of a broken model"]
    assert "chat was told ***" in looked_at["logs chat"], "its own log is there, and masked"
    assert "code was told ***" in looked_at["logs code"]


def test_a_server_s_environment_has_its_own_secrets_alone(router: UserManager) -> None:
    children = [
        pid
        for pid, command in commands().items()
        if "model_server" in command
        and "--name chat" in command
        and Path(f"/proc/{pid}").stat().st_uid == USER
    ]
    assert children
    for pid in children:
        inherited = environment(router, str(pid))
        assert not any(each in inherited for each in (OF_A_UNIT, VARIABLE, IN_A_FILE))
        names = {line.partition("=")[0] for line in inherited.split("\0")}
        assert names.isdisjoint({"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_FDS", "PLANTED"})
    of_the_unit = environment(router, "jano-code.service")
    assert OF_A_UNIT in of_the_unit, "what its own env asks for"
    assert not any(each in of_the_unit for each in (CREDENTIAL, VARIABLE, IN_A_FILE))


def test_a_transient_unit_has_nothing_but_what_its_env_asks_for(router: UserManager) -> None:
    written = router.systemctl("cat", "jano-code.service")
    assert not any(each in written for each in (CREDENTIAL, VARIABLE, IN_A_FILE))


def readable(path: Path) -> bool:
    try:
        path.read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return True
