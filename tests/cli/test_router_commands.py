"""The commands that talk to a running router, against one that pretends."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jano_core.cli.group import cli
from jano_core.cli.router import Router, _message
from tests.cli.fake_router import QUEUE, STATUS, fake_router


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command of a test may find the user's own router or configuration."""
    for name in ("JANO_URL", "JANO_CONFIG", "STATE_DIRECTORY", "CONFIGURATION_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def router() -> Iterator[tuple[str, list[str]]]:
    with fake_router() as running:
        yield running


def jano(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="jano")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_status_fits_a_terminal(router: tuple[str, list[str]]) -> None:
    result = jano("status", "--url", router[0])
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    for part in (
        "greedy",
        "up 2h05m",
        "ready",
        "3.0 GiB",
        "exited with",
        "and 3 more",
        "12 served",
    ):
        assert part in result.output


def test_what_swapping_cost_today(router: tuple[str, list[str]]) -> None:
    result = jano("status", "--today", "--url", router[0])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "3 swaps took 41s." in lines
    rule = lines.index(
        "First come, first served would have made 8, by the rule of `jano simulate`:"
    )
    assert lines[rule + 1] == "5 avoided."
    assert lines[-1].split() == ["(local)", "4", "1m01s"]
    as_json = jano("status", "--today", "--json", "--url", router[0])
    assert json.loads(as_json.output) == STATUS["swapCostToday"]


def test_status_as_json_is_the_routers_own(router: tuple[str, list[str]]) -> None:
    result = jano("status", "--url", router[0], "--json")
    assert json.loads(result.output) == STATUS | {"queue": QUEUE}


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["load", "chat"], "POST /api/models/load/chat"),
        (["load", "org/model 1"], "POST /api/models/load/org/model%201"),
        (["unload"], "POST /api/models/unload"),
        (["unload", "chat"], "POST /api/models/unload/chat"),
    ],
)
def test_orders(router: tuple[str, list[str]], arguments: list[str], asked: str) -> None:
    assert jano(*arguments, "--url", router[0]).exit_code == 0
    assert router[1] == [asked]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["logs"], "one\ntwo\n"),
        (["logs", "chat"], "loaded\n"),
        (["logs", "-f"], "one\ntwo\nthree\n"),
        (["logs", "--json"], '{"line": "one"}\n{"line": "two"}\n'),
    ],
)
def test_logs(router: tuple[str, list[str]], arguments: list[str], text: str) -> None:
    assert jano(*arguments, "--url", router[0]).output == text


def test_following_a_log_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(router: Router, path: str) -> Iterator[str]:
        yield "one\n"
        raise KeyboardInterrupt

    monkeypatch.setattr(Router, "stream", interrupted)
    result = jano("logs", "-f", "--url", "http://127.0.0.1:1")
    assert (result.exit_code, result.output) == (0, "one\n")


def test_a_page_of_another_program_is_cut_short() -> None:
    told = _message(404, b"<html>\n" + b"<p>not here</p>\n" * 100)
    assert told.startswith("the router answered 404: <html> <p>not here</p> ")
    assert len(told) < 250
    assert "\n" not in told


def test_another_program_at_the_address_is_no_router(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Router, "_ask", lambda *_: io.BytesIO(b"<html>"))
    result = jano("status", "--url", "http://127.0.0.1:80")
    assert result.exit_code == 1
    assert result.output == "jano: what answers at http://127.0.0.1:80 is no Jano\n"


def test_what_the_router_refuses_is_shown(router: tuple[str, list[str]]) -> None:
    result = jano("load", "nope", "--url", router[0])
    assert (result.exit_code, result.output) == (1, "jano: unknown model 'nope'\n")


def test_no_router_is_a_temporary_failure() -> None:
    result = jano("status", "--url", f"http://127.0.0.1:{closed_port()}")
    assert result.exit_code == 75
    assert "no router answers at" in result.output


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8082", "ftp://here", "http://127.0.0.1:99999", "http://[::1"]
)
def test_a_wrong_address_is_wrong_usage(url: str) -> None:
    assert jano("status", "--url", url).exit_code == 2


class TestFinding:
    """`--url`, `$JANO_URL`, the running router's file, the configuration: in this order."""

    def test_the_option_wins(
        self, router: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JANO_URL", f"http://127.0.0.1:{closed_port()}")
        assert jano("unload", "--url", router[0]).exit_code == 0

    def test_then_the_environment(
        self, router: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        announce(tmp_path, f"http://127.0.0.1:{closed_port()}", "", os.getpid())
        monkeypatch.setenv("JANO_URL", router[0])
        assert jano("unload").exit_code == 0

    def test_then_the_file_of_the_running_one(
        self, router: tuple[str, list[str]], tmp_path: Path
    ) -> None:
        announce(tmp_path, router[0], "", os.getpid())
        assert jano("unload").exit_code == 0

    def test_its_unix_socket_is_preferred(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        with fake_router(path) as (_, asked):
            announce(tmp_path, f"http://127.0.0.1:{closed_port()}", str(path), os.getpid())
            assert jano("unload").exit_code == 0
        assert asked == ["POST /api/models/unload"]

    def test_a_file_that_a_dead_router_left_is_passed_over(
        self, router: tuple[str, list[str]], tmp_path: Path
    ) -> None:
        # No process can have this number: it is above what Linux and macOS hand out.
        announce(tmp_path, f"http://127.0.0.1:{closed_port()}", "", 2**30)
        configure(tmp_path, router[0])
        assert jano("unload").exit_code == 0

    def test_last_the_configuration(self, router: tuple[str, list[str]], tmp_path: Path) -> None:
        configure(tmp_path, router[0])
        assert jano("unload").exit_code == 0

    def test_a_wrong_configuration_is_said(self, tmp_path: Path) -> None:
        configure(tmp_path, "http://127.0.0.1:99999")
        assert jano("unload").exit_code == 2


def announce(folder: Path, url: str, unix: str, pid: int) -> None:
    file = folder / "jano" / "jano.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"url": url, "socket": unix, "pid": pid}))


def configure(folder: Path, url: str) -> None:
    file = folder / "jano" / "jano.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"[server]\nport = {url.rpartition(':')[2]}\n")


def test_a_router_with_keys_is_told_the_one_of_the_environment(
    router: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JANO_API_KEY", "mine")
    assert jano("status", "--url", router[0]).exit_code == 0
    assert "authorization: Bearer mine" in router[1]


@pytest.mark.parametrize("arguments", [("logs", "-f"), ("logs",), ("status",), ("load", "chat")])
def test_an_answer_that_breaks_off_is_one_line(arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{")

        threading.Thread(target=answer, daemon=True).start()
        result = jano(*arguments, "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
    assert result.exit_code == 75
    assert result.stderr.startswith("jano: the router at http://127.0.0.1:")
    assert result.stderr.endswith("broke off its answer\n")
