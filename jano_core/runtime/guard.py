"""The small process between Jano and a model server; run as a script, never imported by Jano.

    python -I -S guard.py COMMAND [ARGUMENT ...]

It exists because Jano may be killed without a chance to clean up, and because what a server's
command leaves behind (a shell's background job, a forked worker) should end with it. Neither can
be had from inside Jano: a parent-death signal reaches the direct child only, and a pre-exec
function is unsafe in a process with threads. The guard

* starts the command in a session of its own, so that one signal reaches its whole group;
* on Linux is the reaper of everything below it, so that nothing can slip out of its sight;
* ends all of it at once when its standard input closes, which the kernel does if Jano dies;
* outlives the command until nothing of it is left, so that its last word is the proof.

Standard input takes orders, one byte each: `T` asks everything to end (SIGTERM), `K` ends it.
Standard error reports, a line each: `pid N` or `error TEXT`, when the command ends `exit N` or
`signal N`, and `gone` when nothing is left.
The command gets an empty standard input, and Jano's pipe as its standard output and error.
"""

import os
import select
import signal
import sys

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FAILED_TO_RUN = 127
LOOK_AGAIN_MS = 20


def main(command: list[str]) -> None:
    """Run `command`; returns when nothing of it is left, exits with 127 if it cannot be run."""
    _close_strays()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _ignore)
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A service manager may signal every process of the unit. When the server goes is for
        # Jano to say; the guard leaves after it.
        signal.signal(request, _ignore)
    if LINUX:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
    server = _start(command)
    _report(f"pid {server}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the output's end must be the server's end
    _watch(server, woken)
    _report("gone")


def _close_strays() -> None:
    """A server must not hold what Jano has open, such as sockets that a service manager passed to
    it. uvloop, unlike asyncio, lets them through, its own ends of the three pipes included.
    """
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 (the listing itself is one of them)
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass


def _start(command: list[str]) -> int:
    """Fork and exec; returns only when the command really runs."""
    failure, told = os.pipe()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if LINUX:
                _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # in case the guard itself is killed
                if os.getppid() != guard:
                    os._exit(FAILED_TO_RUN)
            for number in (
                signal.SIGPIPE,
                signal.SIGXFSZ,
            ):  # Python ignores these, and exec keeps it
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(1, 2)
            os.execvp(command[0], command)
        except OSError as error:
            os.write(told, (error.strerror or str(error)).encode())
        finally:
            os._exit(FAILED_TO_RUN)
    os.close(told)
    if text := os.read(failure, 1024):
        _report("error " + text.decode(errors="replace"))
        _report("gone")
        sys.exit(FAILED_TO_RUN)
    return child


def _watch(server: int, woken: int) -> None:
    """Follow orders until nothing of the server is left."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(woken, select.POLLIN)
    killing = False
    running = True
    while True:
        while (reaped := _reap()) is not None and reaped[0]:
            if reaped[0] == server:
                running = False
                _report(_ending(reaped[1]))
        if not running and not _left(server, reaped):
            return
        if killing:
            _signal_all(server, running, signal.SIGKILL)
        # What is being killed may fork meanwhile, and without Linux's reaper nobody tells of
        # the last one's end: look again soon in both cases.
        again = LOOK_AGAIN_MS if killing or not (running or LINUX) else None
        ready = {fd for fd, _ in poll.poll(again)}
        if woken in ready:
            os.read(woken, 1024)
        if 0 in ready:
            orders = os.read(0, 64)
            if b"T" in orders:
                _signal_all(server, running, signal.SIGTERM)
            if b"K" in orders or not orders:
                killing = True
            if not orders:
                poll.unregister(0)


def _reap() -> tuple[int, int] | None:
    """One ended child, (0, 0) if none has ended, None if there are no children at all."""
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None


def _left(server: int, reaped: tuple[int, int] | None) -> bool:
    if LINUX:  # every orphan below becomes the guard's own child
        return reaped is not None
    try:
        os.killpg(server, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group that holds only zombies
        return False
    return True


def _signal_all(server: int, running: bool, number: int) -> None:
    """The server's group, and on Linux whatever left the group and lost its parent since."""
    try:
        os.killpg(server, number)
    except (ProcessLookupError, PermissionError):
        pass
    for pid in _children() if LINUX else ():
        if not (running and pid == server):
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                pass


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib takes as long to import as all else)
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", errors="replace") as file:  # noqa: PTH123
                    stat = file.read()
            except OSError:
                continue
            if stat.rpartition(")")[2].split()[1] == me:
                found.append(int(name))
    return found


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit {os.waitstatus_to_exitcode(status)}"


def _report(line: str) -> None:
    try:
        os.write(2, line.encode() + b"\n")
    except OSError:  # nobody listens any more; standard input has closed as well
        pass


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _ignore(number: int, frame: object) -> None:
    pass


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # nothing is left to tidy up, and somebody waits
