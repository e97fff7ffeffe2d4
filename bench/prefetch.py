"""What reading ahead saves: a model waits for another one's answer to end, and its file is not in
the page cache. Run as `python -m bench.prefetch [GIB] [ROUNDS]`.
"""

from __future__ import annotations

import http.server
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from jano_core.testing.running import running_jano

ANSWER_S = 4.0
WAITS_S = 0.5
"""So long after the first request the second one comes, for the model with the file."""


class Server(http.server.BaseHTTPRequestHandler):
    """Ready at once; a request takes as long as its body says, in seconds."""

    def do_GET(self) -> None:
        self._say(b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(ANSWER_S if b"slow" in body else 0)
        self._say(b"{}")

    def log_message(self, *args: object) -> None:
        pass

    def _say(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serve(port: int, file: str) -> None:
    """A model server that reads its file, as one that does not map it into memory, and serves."""
    if file:
        buffer = bytearray(2**20)
        with Path(file).open("rb", buffering=0) as weights:
            while weights.readinto(buffer):
                pass
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Server).serve_forever()


def forget(file: Path) -> None:
    """The next reader has to go to the disk."""
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ask(url: str, model: str, word: str = "") -> float:
    """When it was answered."""
    body = f'{{"model":"{model}","messages":[],"user":"{word}"}}'.encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body)
    with urllib.request.urlopen(request) as answer:
        answer.read()
    return time.perf_counter()


def measure(file: Path, folder: Path, *, prefetch: bool) -> float:
    """Seconds from the end of the first model's answer to the answer of the second."""
    command = f"{sys.executable} -m bench.prefetch serve ${{PORT}}"
    config = f"""
[swap]
prefetch = {str(prefetch).lower()}
[models.first]
cmd = "{command}"
[models.second]
backend = "llamacpp"
cmd = "{command} -m {file}"
"""
    with running_jano(config, folder) as jano:
        ask(jano.url, "first")
        forget(file)
        ended: list[float] = []
        slow = threading.Thread(target=lambda: ended.append(ask(jano.url, "first", "slow")))
        slow.start()
        time.sleep(WAITS_S)
        answered = ask(jano.url, "second")
        slow.join()
        return answered - ended[0]


def main(gib: float, rounds: int) -> None:
    """Both ways in turn; medians and spreads on standard output."""
    took: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "weights.gguf"
        block = os.urandom(2**20)
        with file.open("wb") as weights:
            for _ in range(round(gib * 1024)):
                weights.write(block)
            weights.flush()
            os.fsync(weights.fileno())
        for number in range(rounds):
            for prefetch in took:
                place = folder / f"{number}-{prefetch}"
                place.mkdir()
                took[prefetch].append(measure(file, place, prefetch=prefetch))
    for prefetch, seconds in took.items():
        spread = (max(seconds) - min(seconds)) / 2
        word = "with" if prefetch else "without"
        print(f"{word} prefetch: {statistics.median(seconds):.2f} s ± {spread:.2f} until served")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]), sys.argv[4] if len(sys.argv) > 4 else "")
    else:
        main(*(float(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (1.0, 5))
