"""A real Jano as a child process, for tests over real sockets.

    with running_jano(config, tmp_path) as jano:
        urllib.request.urlopen(jano.url + "/health")

Everything it keeps (state, runtime file, configuration) lies below the folder it is given, so that
no test sees the user's own router. For scenarios without sockets use virtual time instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import tied

POLL = 0.02


class RunningJano:
    """One `jano serve` process. Made by `start_jano` and `running_jano`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    @property
    def pid(self) -> int:
        """The process id of the router."""
        return self.process.pid

    def get(self, path: str, timeout: float = 10) -> Any:
        """The JSON document at `path`. Raises `urllib.error.HTTPError` for an error status."""
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return json.load(answer)

    def terminate(self) -> None:
        """Send SIGTERM: finish what runs, then exit."""
        self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL and wait until the process is gone."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout: float = 40) -> int:
        """The exit status; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        return self.process.wait(timeout)

    def log_text(self) -> str:
        """All that the router wrote so far."""
        return self.log.read_text(errors="replace")


def start_jano(
    config: str, folder: Path, *, env: Mapping[str, str] | None = None, timeout: float = 30
) -> RunningJano:
    """Start `jano serve` with `config` (TOML) on a free port; return once it answers requests.

    `env` is added to the test's own environment. Raises `RuntimeError` with the log where the
    router exits or is not ready after `timeout` seconds; then nothing is left running. A second
    start in the same folder finds the state that the first one left there. The router ends when
    this process does, however that comes about.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready, log, config_file = folder / "ready.json", folder / "jano.log", folder / "jano.toml"
    ready.unlink(missing_ok=True)
    config_file.write_text(config)
    command = [sys.executable, "-m", tied.__name__, "serve", "--config", str(config_file)]
    command += ["--host", "127.0.0.1", "--port", "0", "--ready-file", str(ready)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=_env(folder, env)
        )
    try:
        _await(process, ready, log, time.monotonic() + timeout)
        return RunningJano(process, json.loads(ready.read_text())["url"].rstrip("/"), log)
    except BaseException:  # also what a signal raises: nobody else knows of the process yet
        process.kill()
        process.wait()
        raise


def _await(process: subprocess.Popen[bytes], ready: Path, log: Path, end: float) -> None:
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            status, text = process.poll(), log.read_text(errors="replace")
            raise RuntimeError(f"jano serve was not ready (exit status {status}):\n{text}")
        time.sleep(POLL)


@contextmanager
def running_jano(
    config: str, folder: Path, *, env: Mapping[str, str] | None = None, timeout: float = 30
) -> Iterator[RunningJano]:
    """`start_jano`, and an end: SIGTERM, then SIGKILL where that is not enough in 40 seconds.

    What goes wrong inside the block carries the router's log as a note.
    """
    jano = start_jano(config, folder, env=env, timeout=timeout)
    try:
        yield jano
    except BaseException as error:
        error.add_note(f"the log of jano serve:\n{jano.log_text()}")
        raise
    finally:
        jano.terminate()
        try:
            jano.wait()
        except subprocess.TimeoutExpired:
            jano.kill()


def _env(folder: Path, extra: Mapping[str, str] | None) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JANO_")}
    for name in ("STATE", "RUNTIME", "CONFIG"):
        place = folder / name.lower()
        place.mkdir(mode=0o700, exist_ok=True)
        env[f"XDG_{name}_{'DIR' if name == 'RUNTIME' else 'HOME'}"] = str(place)
    return env | {"PYTHONUNBUFFERED": "1"} | dict(extra or {})
