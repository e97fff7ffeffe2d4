"""The server's own books: what it was really asked, whatever its callers say of it."""

from __future__ import annotations

import json
import os
import time


class Book:
    """Appends one JSON line for each event; several servers may share a file.

    Every line has `at` (unix seconds), `server`, `pid` and `what`: `start`, `ready`, `request`,
    `end`, `cancelled`, `died`, `stop`.
    """

    def __init__(self, path: str, server: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(path, flags, 0o644) if path else None
        self._server = server

    def enter(self, what: str, **facts: object) -> None:
        """Write a line. It is in the file when this returns, also if the process dies next."""
        if self._file is None:
            return
        line = {"at": time.time(), "server": self._server, "pid": os.getpid(), "what": what}
        os.write(self._file, json.dumps(line | facts).encode() + b"\n")
