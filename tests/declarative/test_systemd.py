"""Jano as a unit of a real `systemd --user`: ready, watched, restarted without loss."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from jano_core import __version__
from jano_core.toolbox import free_port
from tests.declarative.user_manager import UserManager
from tests.house.test_broken_plugins import install
from tests.processes import wait_for
from tests.simulated import model_table
from tests.wire_client import chat

pytestmark = pytest.mark.wire

STUCK = """
import pathlib, time
from jano_core import Plan, Strategy, hookimpl

class Stuck(Strategy):
    name = "stuck"
    def decide(self, view):
        trigger = pathlib.Path.home() / "trigger"
        if trigger.exists():
            trigger.unlink()
            time.sleep(1000)
        return Plan(serve=view.fill())

@hookimpl
def jano_strategies():
    return [Stuck]
"""


def get(url: str, path: str = "/health") -> Any:
    with urllib.request.urlopen(url + path, timeout=30) as answer:
        return json.load(answer)


def post(url: str, body: bytes) -> bytes:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url + "/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def answers(url: str) -> bool:
    try:
        get(url)
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def test_it_is_active_only_when_it_answers(units: UserManager) -> None:
    slow = units.write("swap.sh", "#!/bin/sh\nsleep 0.5; echo chat: loaded\n")
    slow.chmod(0o755)
    port = free_port()
    config = f'[server]\nport = {port}\n[swap]\ncommand = "{slow}"\n'
    units.configure(config + f'[models.chat]\nurl = "http://127.0.0.1:{free_port()}"\n')
    units.systemctl("start", "--no-block", "jano.service")
    seen = []

    def is_active() -> bool:
        seen.append(units.show("jano.service", "ActiveState"))
        return seen[-1] == "active"

    wait_for(is_active, "jano.service is active")
    assert answers(f"http://127.0.0.1:{port}"), "active before it answers"
    assert "activating" in seen, "a start is no readiness"
    wait_for(
        lambda: units.show("jano.service", "StatusText") == "no model loaded; 0 running, 0 waiting",
        "a line for people",
    )
    units.systemctl("stop", "jano.service")
    assert units.show("jano.service", "Result") == "success"


def test_the_first_connection_starts_it(units: UserManager) -> None:
    units.systemctl("start", "jano.socket")
    assert units.show("jano.service", "ActiveState") == "inactive"
    assert get(units.url)["version"] == __version__
    assert units.show("jano.service", "ActiveState") == "active"
    path = f"/run/user/{54321}/jano.sock"
    assert __version__ in units.run("curl", "-s", "--unix-socket", path, "http://jano/health")


def test_a_reload_is_seen_by_systemd(units: UserManager, tmp_path: Path) -> None:
    units.systemctl("start", "jano.socket", "jano.service")
    units.write(".config/jano/jano.toml", model_table("chat", tmp_path / "book"))
    units.systemctl("reload", "jano.service")
    wait_for(lambda: "chat" in get(units.url, "/status")["models"], "the new model")
    wait_for(lambda: units.show("jano.service", "ActiveState") == "active", "the end of reloading")
    assert units.show("jano.service", "NRestarts") == "0"


def test_a_stalled_loop_is_restarted_by_the_watchdog(units: UserManager) -> None:
    site = units.home / "site"
    site.mkdir()
    install(site, "jano-stuck", STUCK)
    unit = "WatchdogSec=1\nExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT >>%h/results'"
    config = '[scheduler]\nstrategy = "stuck"\n'
    units.configure(config, unit=unit, env={"PYTHONPATH": str(site)})
    units.systemctl("start", "jano.socket", "jano.service")
    first = units.show("jano.service", "MainPID")
    units.write("trigger", "")
    # Every feeding of the watchdog goes through the scheduler, and that one never returns.
    wait_for(lambda: units.show("jano.service", "NRestarts") == "1", "a restart")
    assert get(units.url)["version"] == __version__
    assert units.show("jano.service", "MainPID") != first
    assert units.read("results") == "watchdog\n"


def test_a_restart_in_mid_stream_loses_nothing(units: UserManager, tmp_path: Path) -> None:
    book = units.write("book", "")
    units.configure(model_table("chat", book, "--tokens 10 --rate 10"))
    units.systemctl("start", "jano.socket")
    body = chat("chat", stream=True)
    whole = post(units.url, body)  # loads the model, and starts Jano
    first = units.show("jano.service", "MainPID")

    connection = http.client.HTTPConnection("127.0.0.1", units.port, timeout=30)
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    stream = connection.getresponse()
    begun = stream.read1()
    restart = threading.Thread(target=units.systemctl, args=("restart", "jano.service"))
    restart.start()
    wait_for(lambda: units.show("jano.service", "ActiveState") == "deactivating", "the stop")
    meanwhile = post(units.url, chat("chat"))
    rest = stream.read()
    restart.join()

    assert stream.status == 200
    assert lengths(begun + rest) == lengths(whole)
    assert (begun + rest).endswith(b"data: [DONE]\n\n")
    assert json.loads(meanwhile)["model"] == "chat"
    assert units.show("jano.service", "MainPID") != first
    assert units.show("jano.service", "NRestarts") == "0", "asked for, not a crash"


def lengths(stream: bytes) -> list[int]:
    """How long each event of a stream is: what differs between two answers are ids and times."""
    return [len(event) for event in stream.split(b"\n\n")]


def test_many_requests_during_restarts_are_all_answered(units: UserManager) -> None:
    units.systemctl("start", "jano.socket")
    versions: list[str] = []
    lost: list[Exception] = []
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            try:
                versions.append(get(units.url)["version"])
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)

    askers = [threading.Thread(target=ask_on) for _ in range(4)]
    get(units.url)
    for asker in askers:
        asker.start()
    try:
        units.systemctl("restart", "jano.service")
        units.systemctl("restart", "jano.service")
    finally:
        done.set()
        for asker in askers:
            asker.join()
    assert lost == []
    assert len(versions) > 8
    assert set(versions) == {__version__}
