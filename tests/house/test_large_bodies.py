"""Large bodies arrive as they were sent, whichever server takes them and wherever they wait."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from jano_core.gateway.memory import ROOM
from jano_core.testing.running import RunningJano, running_jano

pytestmark = pytest.mark.wire

MIB = 2**20
CONFIG = """\
[server]
engine = "{engine}"
max_body = "128MiB"

[models.same]
url = "{url}"
health = "none"
resident = true

[models.renamed]
url = "{url}"
health = "none"
resident = true
upstream_model = "other"
"""


class Digests(BaseHTTPRequestHandler):
    """Answers with the digest of what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        text = sha256(body).hexdigest().encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module", params=["jano", "granian"])
def jano(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningJano]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Digests) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        config = CONFIG.format(engine=request.param, url=url)
        with running_jano(config, tmp_path_factory.mktemp("large")) as running:
            yield running
        server.shutdown()


def body(model: str, size: int) -> bytes:
    """A chat request of this size."""
    head = b'{"model":"%b","prompt":"' % model.encode()
    return head + (b"0123456789abcdef" * (size // 16 + 1))[: size - len(head) - 2] + b'"}'


def ask(jano: RunningJano, *bodies: bytes) -> list[str]:
    """What is answered to these, one after the other on one connection."""
    answers = []
    connection = http.client.HTTPConnection(urlsplit(jano.url).netloc, timeout=30)
    try:
        for sent in bodies:
            connection.request("POST", "/v1/chat/completions", sent)
            answer = connection.getresponse()
            answers.append(answer.read().decode())
            assert answer.status == 200, answers
            assert not answer.will_close
    finally:
        connection.close()
    return answers


def digests(*bodies: bytes) -> list[str]:
    return [sha256(sent).hexdigest() for sent in bodies]


def test_of_any_size_one_after_the_other(jano: RunningJano) -> None:
    sizes = (MIB // 2, MIB // 2 + 1, MIB, 2 * MIB, 2 * MIB + 1, 100, 10 * MIB + 4097, ROOM + 1)
    bodies = [body("same", size) for size in sizes]
    assert [len(sent) for sent in bodies] == list(sizes)
    assert ask(jano, *bodies) == digests(*bodies)


def test_changed_on_the_way(jano: RunningJano) -> None:
    sizes = (MIB, 5 * MIB, ROOM + 1)
    changed = [body("renamed", size).replace(b'"renamed"', b'"other"') for size in sizes]
    assert ask(jano, *(body("renamed", size) for size in sizes)) == digests(*changed)


def test_more_at_once_than_there_is_room_for(jano: RunningJano) -> None:
    bodies = [body("same", 10 * MIB + number) for number in range(2 * ROOM // (10 * MIB))]
    with ThreadPoolExecutor(len(bodies)) as crowd:
        answers = list(crowd.map(lambda sent: ask(jano, sent), bodies))
    assert answers == [digests(sent) for sent in bodies]
    assert jano.get("/status")["inFlight"] == 0
