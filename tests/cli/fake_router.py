"""A router that only pretends: fixed answers over TCP or a unix socket, and a list of the asked."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

MODEL = {"since": "2026-11-20T10:00:00.000Z", "inFlight": 1, "queued": 2, "memory": 3 << 30}
MODEL |= {"progress": None, "note": None}
STATUS = {
    "version": "0.1.0",
    "strategy": "greedy",
    "uptimeSeconds": 7500,
    "requestsServedTotal": 12,
    "errorsLast15m": 1,
    "swapsLastHour": 2,
    "requestsPerMinute": 3,
    "recentGenTokS": 44.4,
    "tokSByModel": {"chat": 44.4},
    "lastError": {"ts": "2026-11-20T09:30:00.123Z", "model": "chat", "message": "gone " * 40},
    "swapCostToday": {
        "day": "2026-11-20",
        "swaps": 3,
        "avoided": 5,
        "seconds": 41.25,
        "byTransition": [{"from": "chat", "to": "code" * 20, "swaps": 3, "seconds": 41.25}],
        "byClient": [{"client": "", "requests": 4, "waitedSeconds": 61.0}],
    },
    "models": {
        "chat": MODEL | {"state": "ready", "lastError": None},
        "a-model-with-a-name-of-more-than-thirty-letters": MODEL
        | {"state": "cooling", "memory": None, "lastError": "exited with status 1 " * 9},
    },
}
QUEUE = {
    "waiting": [
        {"id": str(place), "model": "chat", "priority": "normal", "client": "somebody-with-a-name",
         "waited_ms": 1200, "position": place, "eta_ms": None if place > 2 else 20_000}
        for place in range(1, 14)
    ],
    "running": [],
}  # fmt: skip
STORY = {
    "id": "42", "model": "code", "outcome": "served", "queue_ms": 30_500, "swap_ms": 20_000,
    "decisions": [
        {"at_ms": 0, "rule": "head start", "text": "chat is not done",
         "ahead": [str(number) for number in range(1, 8)], "evicted": []},
        {"at_ms": 10_500, "rule": "swap", "text": "its turn", "ahead": [], "evicted": ["chat"]},
        {"at_ms": 30_500, "rule": "granted", "text": "a slot", "ahead": [], "evicted": []},
    ],
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "GET /status": STATUS,
    "GET /api/queue": QUEUE,
    "GET /api/requests/42": STORY,
    "GET /logs/proxy": "one\ntwo\n",
    "GET /logs/chat": "loaded\n",
    "GET /logs/stream/proxy": "one\ntwo\nthree\n",
    "POST /api/models/load/chat": "OK",
    "POST /api/models/load/org/model%201": "OK",
    "POST /api/models/unload": {"msg": "ok"},
    "POST /api/models/unload/chat": "OK",
}


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = f"{self.command} {self.path}"
        self.server.asked.append(asked)
        if key := self.headers["authorization"]:
            self.server.asked.append(f"authorization: {key}")
        known = asked in ANSWERS
        answer = ANSWERS.get(asked, {"error": {"message": "unknown model 'nope'"}})
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    asked: list[str]


class _UnixServer(_Server):
    address_family = socketserver.UnixStreamServer.address_family


@contextmanager
def fake_router(path: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """Its address and what it has been asked so far; on a unix socket where a path is given."""
    made = _UnixServer(str(path), _Handler) if path else _Server(("127.0.0.1", 0), _Handler)  # type: ignore[arg-type]
    made.asked = []
    with made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            name = made.server_address
            yield f"unix:{path}" if path else f"http://127.0.0.1:{name[1]}", made.asked
        finally:
            made.shutdown()
            thread.join()
