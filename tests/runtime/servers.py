"""Small real programs for tests of real processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import anyio

from jano_core.runtime.process import GuardedProcess
from tests.processes import alive

HTTP = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# A shell whose background job ignores SIGTERM, and a daemon in a session of its own.
FAMILY = """
(trap '' TERM; while :; do sleep 0.2; done) &
setsid sleep 300 &
echo up
wait
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


async def start(*command: str, output: Callable[[str], None] = lambda text: None) -> GuardedProcess:
    return await GuardedProcess.start(command, env=dict(os.environ), cwd="", output=output)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Real processes tell nobody; look now and then. Fails when the time is up."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def all_gone(pids: set[int]) -> None:
    await until(lambda: not any(map(alive, pids)))
