"""What only a real server and real sockets show: cut answers, raw paths, WebSockets."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import anyio
import pytest
import websockets.sync.server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from jano_core.testing.running import RunningJano, running_jano
from tests.wire_client import ask, opened, until

pytestmark = [pytest.mark.wire, pytest.mark.anyio]

CHAT = "/v1/chat/completions"
BODY = b'{"model":"plain"}'
BURST = [b"data: 1\n\n", b"data: 2", b"\n\n", b"data: 3\n\n" * 100]
"""What leaves the model server in one write."""


class Plain(StreamRequestHandler):
    """A model server on bare sockets: each path is a way to answer, right or wrong."""

    def handle(self) -> None:
        request = self.rfile.readline().split()
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        method, target = request[0], request[1]
        if target.startswith(b"/short"):
            self._say(b"content-length: 100\r\n", b"only this")
        elif target.startswith(b"/cut"):
            self._say(b"transfer-encoding: chunked\r\n", b"4\r\nhalf\r\n")
        elif target.startswith(b"/burst"):
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in BURST)
            self._say(b"transfer-encoding: chunked\r\n", chunks + b"0\r\n\r\n")
        elif method == b"HEAD":
            self._say(b"content-length: 77\r\n", b"")
        else:
            self._say(b"content-length: %d\r\n" % len(target), target)

    def _say(self, headers: bytes, body: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + headers + b"\r\n" + body)


def echo(socket: websockets.sync.server.ServerConnection) -> None:
    socket.send(f"path {socket.request.path if socket.request else ''}")
    for message in socket:
        if message == "end":
            socket.close(4001, "bye")
            return
        socket.send(message)


@pytest.fixture(scope="module")
def jano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningJano]:
    sockets = websockets.sync.server.serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("talk")])
    with ThreadingTCPServer(("127.0.0.1", 0), Plain) as plain, sockets:
        plain.daemon_threads = True
        for server in (plain, sockets):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        config = (
            f'[models.plain]\nurl = "http://127.0.0.1:{plain.server_address[1]}"\n'
            'health = "none"\n'
            f'[models.talk]\nurl = "http://127.0.0.1:{sockets.socket.getsockname()[1]}"\n'
            'health = "none"\nresident = true\n'
        )
        with running_jano(config, tmp_path_factory.mktemp("wire")) as running:
            yield running
        plain.shutdown()


@pytest.mark.parametrize("engine", ["jano", "granian"])
async def test_chunks_that_come_together_keep_their_bounds(tmp_path: Path, engine: str) -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), Plain) as plain:
        plain.daemon_threads = True
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{plain.server_address[1]}"
        config = f'[server]\nengine = "{engine}"\n[models.plain]\nurl = "{url}"\nhealth = "none"\n'
        with running_jano(config, tmp_path) as running:
            assert await chunks_of(running.url, "/upstream/plain/burst") == BURST
        plain.shutdown()


async def chunks_of(url: str, path: str) -> list[bytes]:
    """The body of an answer, chunk by chunk, as it is on the wire."""
    host, _, port = url.removeprefix("http://").partition(":")
    text, found = b"", []
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
        while not text.endswith(b"\r\n0\r\n\r\n"):
            text += await stream.receive()
    rest = text.partition(b"\r\n\r\n")[2]
    while size := int(rest.partition(b"\r\n")[0], 16):
        chunk = rest.partition(b"\r\n")[2][:size]
        rest = rest.partition(b"\r\n")[2][size + 2 :]
        found.append(chunk)
    return found


@pytest.mark.parametrize("path", ["/upstream/plain/short", "/upstream/plain/cut"])
async def test_an_answer_that_breaks_off_is_seen_to_be_cut(jano: RunningJano, path: str) -> None:
    answer = await ask(jano.url, path)
    assert answer.status == 200
    assert not answer.whole


@pytest.mark.parametrize("rest", ["/a%2Fb/%C3%BC?q=%20x&y", "/a//b/../c", "/%252F"])
async def test_a_path_arrives_as_it_was_written(jano: RunningJano, rest: str) -> None:
    answer = await ask(jano.url, "/upstream/plain" + rest)
    assert answer.body == rest.encode()


async def test_a_head_request(jano: RunningJano) -> None:
    async with opened(jano.url, "HEAD", "/upstream/plain/x", {}) as made:
        assert await made.head() == 200
        assert made.headers["content-length"] == "77"


async def test_a_bare_model_gets_its_slash(jano: RunningJano) -> None:
    answer = await ask(jano.url, "/upstream/plain?x=1")
    assert (answer.status, answer.headers["location"]) == (301, "/upstream/plain/?x=1")
    answer = await ask(jano.url, "/upstream/plain", b"{}")
    assert answer.status == 308


async def test_a_websocket_both_ways(jano: RunningJano) -> None:
    url = jano.url.replace("http", "ws") + "/upstream/talk/ws?a=b"
    async with connect(url, subprotocols=[Subprotocol("talk")], proxy=None) as socket:
        assert socket.subprotocol == "talk"
        assert await socket.recv() == "path /ws?a=b"
        await socket.send("text")
        assert await socket.recv() == "text"
        await socket.send(b"\0" * 1_000_000)
        assert await socket.recv() == b"\0" * 1_000_000
        assert jano.get("/status")["inFlight"] + len(jano.get("/api/queue")["running"]) >= 1
        await socket.send("end")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")


async def test_a_websocket_that_its_client_closes(jano: RunningJano) -> None:
    url = jano.url.replace("http", "ws") + "/upstream/talk/ws"
    async with connect(url, subprotocols=[Subprotocol("talk")], proxy=None) as socket:
        await socket.recv()
    await until(lambda: not jano.get("/api/queue")["running"], "nothing runs any more")


@pytest.mark.parametrize(
    ("path", "origin", "status", "code"),
    [
        ("/upstream/nobody/ws", None, 404, "model_not_found"),
        ("/elsewhere", None, 404, "not_found"),
        ("/upstream/talk/ws", "http://evil.example", 403, "permission_denied"),
        ("/upstream/plain/short", None, 502, "upstream_failed"),
    ],
)
async def test_a_websocket_that_is_refused(
    jano: RunningJano, path: str, origin: Origin | None, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(jano.url.replace("http", "ws") + path, origin=origin, proxy=None)
    answer = refused.value.response
    assert answer.status_code == status
    assert json.loads(answer.body or b"")["error"]["code"] == code


@pytest.mark.parametrize("query", ["proxy", "upstream?no-history"])
async def test_a_log_stream_has_its_head_at_once(jano: RunningJano, query: str) -> None:
    async with opened(jano.url, "GET", f"/logs/stream/{query}", {}) as made:
        assert await made.head() == 200
        assert made.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_address_of_a_server_that_jano_started_is_told(tmp_path: Path) -> None:
    server = [sys.executable, "-m", "jano_core.testing.model_server", "--port", "${PORT}"]
    with running_jano(f"[models.chat]\ncmd = {json.dumps(server)}\n", tmp_path) as running:
        await ask(running.url, CHAT, b'{"model":"chat"}')
        [row] = running.get("/running")["running"]
        assert (await ask(row["proxy"], "/health")).status == 200
