"""Commands for the user whose manager `user_manager.sh` runs, and that user's files."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jano_core.toolbox import free_port
from tests.law.sources import ROOT
from tests.processes import wait_for

USER = 54321
SCRIPT = Path(__file__).with_suffix(".sh")
LONG = 40.0


class UserManager:
    """The user's home and a way to run commands as that user, next to its systemd."""

    def __init__(self, home: Path, namespace: int) -> None:
        self.home = home
        self.port = 0
        self._namespace = namespace

    @property
    def url(self) -> str:
        """Where the socket unit listens."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command as the user; returns what it printed."""
        words = [*self._enter(), "env", "-i", *self._env(), *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONG, check=False)
        if check and done.returncode != 0:
            log = self.read("jano.log")
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{log}")
        return done.stdout + done.stderr

    def lend(self, program: str, folder: Path) -> None:
        """Put a program into `folder` that runs as the user, with its caller's variables."""
        folder.mkdir(exist_ok=True)
        words = shlex.join([*self._enter(), "env", *self._env(), program])
        (folder / program).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (folder / program).chmod(0o755)

    def systemctl(self, *words: str, check: bool = True) -> str:
        """`systemctl --user ...`"""
        return self.run("systemctl", "--user", *words, check=check)

    def show(self, unit: str, field: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", unit, f"--property={field}", "--value").strip()

    def read(self, name: str) -> str:
        """A file of the user's home; empty where there is none."""
        path = self.home / name
        return path.read_text(errors="replace") if path.exists() else ""

    def write(self, name: str, text: str) -> Path:
        """Write a file in the user's home, as the user's own."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for each in (path, *path.parents):
            if each == self.home:
                break
            os.chown(each, USER, USER)
        return path

    def configure(self, text: str, *, unit: str = "", env: dict[str, str] | None = None) -> None:
        """Write `jano.toml`; `unit` are further lines of jano.service, `env` its variables."""
        self.write(".config/jano/jano.toml", text)
        lines = [f'Environment="{name}={value}"' for name, value in (env or {}).items()]
        log = f"StandardOutput=append:{self.home}/jano.log"
        drop_in = "\n".join(["[Service]", log, "StandardError=inherit", unit, *lines, ""])
        self.write(".config/systemd/user/jano.service.d/test.conf", drop_in)
        self.systemctl("daemon-reload")

    def _enter(self) -> list[str]:
        enter = ["nsenter", "--mount", "--target", str(self._namespace), "setpriv"]
        return [*enter, "--reuid", str(USER), "--regid", str(USER), "--init-groups"]

    def _env(self) -> list[str]:
        runtime = f"XDG_RUNTIME_DIR=/run/user/{USER}"
        return [f"HOME={self.home}", "USER=janot", "PATH=/usr/local/bin:/usr/bin:/bin", runtime]

    def reset(self) -> None:
        """The shipped units and nothing else, with a port of their own."""
        for path in self.home.iterdir():
            if path.name != "manager.log":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for source in sorted((ROOT / "systemd" / "user").iterdir()):
            self.write(f".config/systemd/user/{source.name}", source.read_text())
        self.port = free_port()
        # An empty assignment forgets the shipped addresses; the second one stays as it is.
        lines = f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.port}\n"
        lines += "ListenStream=%t/jano.sock\n"
        self.write(".config/systemd/user/jano.socket.d/test.conf", lines)
        self.write(".local/bin/.keep", "")
        (self.home / ".local/bin/jano").symlink_to(Path(sys.executable).with_name("jano"))
        self.configure("")

    def stop_all(self) -> None:
        """Nothing of Jano's is left."""
        self.systemctl("stop", "jano.socket", "jano.service", "jano-*.service", check=False)
        self.systemctl("reset-failed", check=False)


def start_manager(home: Path) -> Iterator[UserManager]:
    """Run the script for as long as the generator lives."""
    home.mkdir(mode=0o755)
    pid_file = home.with_suffix(".pid")
    readable = {sys.base_prefix, sys.prefix, str(ROOT)}
    with home.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            ["bash", str(SCRIPT), str(home), str(pid_file), *sorted(readable)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    assert process.stdin is not None
    try:
        wait_for(lambda: pid_file.exists() or process.poll() is not None, "the user's systemd")
        assert pid_file.exists(), home.with_suffix(".log").read_text()
        yield UserManager(home, int(pid_file.read_text()))
    finally:
        process.stdin.close()
        process.wait(LONG)
        shutil.rmtree(home)
        for rest in home.parent.glob(f"{home.name}.*"):
            rest.unlink()
