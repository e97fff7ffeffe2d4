"""A stand-in for `docker` and `podman`: a container is a process of this machine, in $FAKE_ENGINE.

Follows the references of both commands: `run --detach` prints an id; `inspect` prints a list with
`State` and `Config.Labels`, and fails with `no such container`; `wait` prints the exit status when
it has ended; `logs --follow --timestamps --since`; `stop --time` is SIGTERM, then SIGKILL; a name
that is in use makes `run` fail with 125. What is behind the image's name is run as it stands.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BOOKS = Path(os.environ["FAKE_ENGINE"])
FLAGS = ("--name", "--label", "--publish", "--env", "--gpus", "--device", "--volume", "--workdir")


def book(name: str) -> Path:
    return BOOKS / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(book(name).read_text())
    except FileNotFoundError:
        print(f"Error response from daemon: No such container: {name}", file=sys.stderr)
        sys.exit(1)
    return found


def write(name: str, container: dict[str, Any]) -> None:
    draft = book(name).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(container))
    draft.replace(book(name))


def run(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    for flag in FLAGS:
        parser.add_argument(flag, action="append", default=[])
    for flag in ("--detach", "--init"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(words)
    [name] = given.name
    if book(name).exists():
        print(f'Conflict. The container name "/{name}" is already in use', file=sys.stderr)
        sys.exit(125)
    labels = dict(label.split("=", 1) for label in given.label)
    env = {name: os.environ[name] for name in given.env}
    container = {"State": state("created", 0, 0), "Config": {"Labels": labels, "Env": env}}
    write(name, container | {"Image": given.image, "Command": given.command})
    subprocess.Popen(
        [sys.executable, "-S", __file__, "keep", name],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while read(name)["State"]["Status"] == "created":
        time.sleep(0.005)
    print("4f1c0ffee")


def state(status: str, pid: int, code: int) -> dict[str, Any]:
    return {"Status": status, "Pid": pid, "ExitCode": code, "OOMKilled": False}


def keep(name: str) -> None:
    """The engine itself: give the container a process, stamp what it says, note its end."""
    container = read(name)
    env = {"PATH": os.environ["PATH"], **container["Config"]["Env"]}
    process = subprocess.Popen(
        container["Command"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    write(name, container | {"State": state("running", process.pid, 0)})
    assert process.stdout is not None
    with (BOOKS / f"{name}.log").open("a") as log:
        for line in process.stdout:
            stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            print(stamp, line, end="", file=log, flush=True)
    code = process.wait()
    if book(name).exists():
        code = code if code >= 0 else 128 - code
        write(name, container | {"State": state("exited", 0, code)})


def logs(words: list[str]) -> None:
    since = words[words.index("--since") + 1] if "--since" in words else ""
    name, read_lines = words[-1], 0
    while True:
        running = book(name).exists() and read(name)["State"]["Status"] == "running"
        path = BOOKS / f"{name}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines[read_lines:]:
            if line >= since:
                print(line, flush=True)
        read_lines = len(lines)
        if not running:
            return
        time.sleep(0.02)


def wait(words: list[str]) -> None:
    while read(words[-1])["State"]["Status"] == "running":
        time.sleep(0.02)
    print(read(words[-1])["State"]["ExitCode"])


def stop(words: list[str]) -> None:
    seconds, name = float(words[words.index("--time") + 1]), words[-1]
    end(name, signal.SIGTERM)
    until = time.monotonic() + seconds
    while book(name).exists() and read(name)["State"]["Status"] == "running":
        if time.monotonic() > until:
            end(name, signal.SIGKILL)
        time.sleep(0.02)


def end(name: str, number: signal.Signals) -> None:
    if pid := read(name)["State"]["Pid"]:
        os.kill(pid, number)


def remove(words: list[str]) -> None:
    name = words[-1]
    if not book(name).exists():
        return
    end(name, signal.SIGKILL)
    while read(name)["State"]["Status"] == "running":
        time.sleep(0.01)
    book(name).unlink()
    (BOOKS / f"{name}.log").unlink(missing_ok=True)


def inspect(words: list[str]) -> None:
    print(json.dumps([read(words[-1])]))


if __name__ == "__main__":
    commands = {"run": run, "logs": logs, "wait": wait, "stop": stop, "rm": remove}
    commands |= {"container": inspect, "keep": lambda words: keep(words[0])}
    commands[sys.argv[1]](sys.argv[2:])
