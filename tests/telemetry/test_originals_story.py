"""The original's own end-to-end story: its swap script, two servers, three calls, its figures."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jano_core.testing.running import RunningJano, running_jano

pytestmark = pytest.mark.wire

SCRIPT = '#!/bin/sh\n[ "$1" = status ] && echo "alpha: loaded"\nexit 0\n'
WHOLE = {
    "alpha": (11, 22, 44.4),
    "beta": (11, 22, 33.3),
}
STREAM = (7, 13, 55.5)
"""Prompt tokens, generated tokens, tokens per second."""


@contextmanager
def server(name: str) -> Iterator[str]:
    """Its address. Answers to `/health`, whole and streamed chats, with usage and timings."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send("application/json", b'{"status":"ok"}')

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if asked.get("stream"):
                delta = json.dumps({"choices": [{"delta": {"content": "x"}}]})
                last = json.dumps({"choices": [], **figures(STREAM)})
                text = f"data: {delta}\n\ndata: {last}\n\ndata: [DONE]\n\n"
                self._send("text/event-stream", text.encode())
            else:
                answer = {"choices": [{"message": {"content": "x"}}], **figures(WHOLE[name])}
                self._send("application/json", json.dumps(answer).encode())

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def figures(answer: tuple[int, int, float]) -> dict[str, Any]:
    prompt, generated, rate = answer
    return {
        "usage": {"prompt_tokens": prompt, "completion_tokens": generated},
        "timings": {"predicted_n": generated, "predicted_per_second": rate},
    }


def call(jano: RunningJano, model: str, *, stream: bool = False) -> None:
    body = json.dumps({"model": model, "messages": [], "stream": stream}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(jano.url + "/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
        answer.read()


def test_the_figures_come_out(tmp_path: Path) -> None:
    script = tmp_path / "swap.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    with ExitStack() as servers:
        urls = {name: servers.enter_context(server(name)) for name in WHOLE}
        tables = [
            f'[models.{name}]\nurl = "{url}"\nlaunch = "script"' for name, url in urls.items()
        ]
        config = "\n".join((f'[swap]\ncommand = "{script}"', *tables))
        with running_jano(config, tmp_path / "jano") as jano:
            assert jano.get("/status")["currentModel"] == "alpha", "detected at the start"
            call(jano, "alpha")
            call(jano, "beta")
            call(jano, "beta", stream=True)
            status = jano.get("/status")
            usage = jano.get("/usage?limit=10")
            newest = jano.get("/usage?limit=1")
            with urllib.request.urlopen(jano.url + "/metrics") as answer:
                metrics = answer.read().decode().splitlines()

    assert status["currentModel"] == "beta"
    assert (status["inFlight"], status["oldestWaitingMs"]) == (0, 0)
    assert status["requestsServedTotal"] == 3
    assert status["tokensGeneratedTotal"] == 22 + 22 + 13
    assert status["tokSByModel"] == {"alpha": 44.4, "beta": 44.4}, "33.3 and 55.5 make 44.4"
    assert status["backendHealth"] == {"alpha": "up", "beta": "up"}
    assert (status["errorsLast15m"], status["lastError"]) == (0, None)
    assert (usage["count"], newest["count"]) == (3, 1)
    record = newest["records"][0]
    assert (record["gen_tokens"], record["gen_tok_s"]) == (13, 55.5)
    assert "jano_swap_duration_milliseconds_count 1" in metrics
    assert 'jano_swaps_total{from="alpha",to="beta"} 1' in metrics
    assert 'jano_backend_up{model="alpha"} 1' in metrics
