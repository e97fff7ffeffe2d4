"""The small process between Jano and a model server; a script of its own.

    python -I -S guard.py

It exists because Jano may be killed without a chance to clean up, and because what a server's
command leaves behind (a shell's background job, a forked worker) should end with it. Neither can
be had from inside Jano: a parent-death signal reaches the direct child only, and a pre-exec
function is unsafe in a process with threads. The guard

* starts the command in a session of its own, so that one signal reaches its whole group;
* on Linux is the reaper of everything below it, so that nothing can slip out of its sight;
* ends all of it at once when its line to Jano is cut, which the kernel does if Jano dies;
* outlives the command until nothing of it is left, so that its last word is the proof. Then it may
  guard the next one: to start an interpreter takes longer than to start many a server.

Its standard input is the line, a Unix socket. It takes orders: `S`, eight bytes of length and so
many of text start a command; the text is its folder, the number of its words, the words, and its
environment, each ended by a null byte, and with the order comes a pipe. `T` asks all of it to end
(SIGTERM), `K` ends it. Back come reports, a line each: `pid N`, or `error WHAT TEXT` with the step
that failed; when the command ends `exit N` or `signal N`; and `gone` when nothing is left.
The command gets an empty standard input, and the pipe as its standard output and error.
"""

import os
import select
import signal
import socket
import sys

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FAILED_TO_RUN = 127
LOOK_AGAIN_MS = 20
START = b"S"
SIZE = 8


def main() -> None:
    """Guard one command after the other; returns when the line to Jano is cut."""
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
    line = socket.socket(fileno=0)
    while (order := _next_order(line)) is not None:
        server = _start(*order)
        if server:
            _report(f"pid {server}")
            _watch(server, woken, line)
        _report("gone")


def _next_order(line: socket.socket) -> tuple[list[bytes], int] | None:
    """The texts of the next order to start and its pipe; None when the line is cut. Orders to end
    what is gone already come too late and mean nothing.
    """
    kind = b""
    while kind != START:
        try:
            kind, pipes, _, _ = socket.recv_fds(line, 1, 1)
        except ConnectionError:  # Jano died and had not read the last report
            return None
        if not kind:
            return None
    size = int.from_bytes(_exactly(line, SIZE), "big")
    return _exactly(line, size).split(b"\0")[:-1], pipes[0]


def _exactly(line: socket.socket, size: int) -> bytes:
    text = b""
    while len(text) < size:
        more = _read(line, size - len(text))
        if not more:  # Jano died in the middle of an order
            os._exit(0)
        text += more
    return text


def _read(line: socket.socket, size: int) -> bytes:
    try:
        return line.recv(size)
    except ConnectionError:
        return b""


def _start(texts: list[bytes], output: int) -> int:
    """Fork and exec; returns only when the command really runs, 0 if it cannot be run."""
    folder, count, *rest = texts
    command, settings = rest[: int(count)], rest[int(count) :]
    failure, told = os.pipe()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        step = "cwd"
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
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            os.chdir(folder)
            step = "command"
            os.execvpe(command[0], command, dict(each.split(b"=", 1) for each in settings))
        except OSError as error:
            os.write(told, f"{step} {error.strerror or error}".encode())
        finally:
            os._exit(FAILED_TO_RUN)
    os.close(told)
    os.close(output)  # its end must be the server's end
    text = os.read(failure, 1024)
    os.close(failure)
    if text:
        os.waitpid(child, 0)
        _report("error " + text.decode(errors="replace"))
        return 0
    return child


def _watch(server: int, woken: int, line: socket.socket) -> None:
    """Follow orders until nothing of the server is left."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(woken, select.POLLIN)
    killing = asked = strays = False
    running = True
    while True:
        while (reaped := _reap()) is not None and reaped[0]:
            if reaped[0] == server:
                running = False
                _report(_ending(reaped[1]))
        if not running and not _left(server, reaped):
            return
        if killing:
            _signal_group(server, signal.SIGKILL)
        if killing or strays:
            _signal_strays(server, running, signal.SIGKILL if killing else signal.SIGTERM)
        # What is being killed may fork meanwhile, and without Linux's reaper nobody tells of
        # the last one's end: look again soon in both cases. And strays are asked to end when the
        # group has had a moment to: mostly there are none, and to look for them takes longer.
        again = LOOK_AGAIN_MS if killing or asked or not (running or LINUX) else None
        ready = {fd for fd, _ in poll.poll(again)}
        strays, asked = asked, False
        if woken in ready:
            os.read(woken, 1024)
        if 0 in ready:
            orders = _read(line, 64)
            if b"T" in orders:
                _signal_group(server, signal.SIGTERM)
                asked = True
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


def _signal_group(server: int, number: int) -> None:
    try:
        os.killpg(server, number)
    except (ProcessLookupError, PermissionError):
        pass


def _signal_strays(server: int, running: bool, number: int) -> None:
    """On Linux, whatever left the server's group and lost its parent since."""
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
        os.write(0, line.encode() + b"\n")
    except OSError:  # nobody listens any more
        pass


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _ignore(number: int, frame: object) -> None:
    pass


if __name__ == "__main__":
    main()
    os._exit(0)  # nothing is left to tidy up, and somebody waits
