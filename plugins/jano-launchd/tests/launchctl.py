"""A stand-in for launchctl(1) and the launchd behind it: real processes, books in $FAKE_LAUNCHD.

What it answers is what a Mac answers, as far as Jano asks: `print` prints tab-indented lines of
`key = value` and exits with 113 for a label it does not know; `bootstrap` exits with 5 for one
still held; `bootout` sends SIGTERM and returns at once, the job stays `SIGTERMed` until its process
has ended, and its label is held a little longer; exit status 3 where there is nothing to boot out.
"""

from __future__ import annotations

import json
import os
import plistlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BOOKS = Path(os.environ["FAKE_LAUNCHD"])
HELD_S = 0.1


def book(label: str) -> Path:
    return BOOKS / f"{label}.json"


def read(label: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(book(label).read_text())
    except FileNotFoundError:
        return None
    return found


def write(label: str, job: dict[str, Any]) -> None:
    draft = book(label).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(job))
    draft.replace(book(label))


def fail(status: int, text: str) -> None:
    print(text, file=sys.stderr)
    sys.exit(status)


def not_found(label: str) -> None:
    fail(113, f'Could not find service "{label}" in domain for user gui: {os.getuid()}')


def keep(label: str) -> None:
    """launchd itself: give the job a process, wait for its end and write down how it was."""
    job = read(label)
    assert job is not None
    plist = plistlib.loads(Path(job["path"]).read_bytes())
    with Path(plist.get("StandardOutPath", os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            plist["ProgramArguments"], stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    write(label, job | {"state": "running", "pid": process.pid})
    status = process.wait()
    ended = f"last exit code = {status}"
    if status < 0:
        ended = f"last terminating signal = {signal.strsignal(-status)}: {-status}"
    job = read(label)
    if job is None or job["leaving"]:
        (BOOKS / f"{label}.held").touch()
        book(label).unlink(missing_ok=True)
    else:
        write(label, job | {"state": "not running", "pid": 0, "ended": ended})


def bootstrap(domain: str, plist: str) -> None:
    label = plistlib.loads(Path(plist).read_bytes())["Label"]
    held = BOOKS / f"{label}.held"
    just_left = held.exists() and time.time() - held.stat().st_mtime < HELD_S
    if read(label) is not None or just_left:
        fail(5, "Bootstrap failed: 5: Input/output error")
    write(label, {"path": plist, "state": "not running", "pid": 0, "ended": "", "leaving": False})


def kickstart(target: str) -> None:
    label = target.rsplit("/", 1)[1]
    job = read(label)
    if job is None:
        not_found(label)
    elif not job["pid"]:
        write(label, job | {"state": "spawn scheduled", "ended": ""})
        subprocess.Popen(
            [sys.executable, __file__, "keep", label],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def bootout(target: str) -> None:
    label = target.rsplit("/", 1)[1]
    job = read(label)
    if job is None:
        fail(3, "Boot-out failed: 3: No such process")
    elif job["state"] == "spawn scheduled":
        while (job := read(label)) and not job["pid"]:
            time.sleep(0.01)
        bootout(target)
    elif job["pid"]:
        write(label, job | {"state": "SIGTERMed", "leaving": True})
        send("SIGTERM", target)
    else:
        book(label).unlink()


def send(name: str, target: str) -> None:
    label = target.rsplit("/", 1)[1]
    job = read(label)
    if job is None:
        not_found(label)
    elif not job["pid"]:
        fail(3, f'Could not send signal to service "{label}": No process to signal.')
    else:
        os.kill(job["pid"], signal.Signals[name])


def show(target: str) -> None:
    label = target.rsplit("/", 1)[1]
    job = read(label)
    if job is None:
        not_found(label)
        return
    print(f"{target} = {{\n\tactive count = {int(job['pid'] > 0)}\n\tpath = {job['path']}")
    print(f"\ttype = LaunchAgent\n\tstate = {job['state']}\n\n\tprogram = /bin/true")
    print("\targuments = {\n\t\tstate = a word of the program\n\t}\n")
    if job["pid"]:
        print(f"\tpid = {job['pid']}")
    print("\truns = 1")
    print(f"\t{job['ended'] or 'last exit code = (never exited)'}\n}}")


if __name__ == "__main__":
    commands = {"bootstrap": bootstrap, "kickstart": kickstart, "bootout": bootout}
    commands |= {"kill": send, "print": show, "keep": keep}
    commands[sys.argv[1]](*sys.argv[2:])
