"""A router process around a stand-in house: `python stand_in.py OPTIONS-AS-JSON`.

Paths: `/health`; `/stream?n=N` sends N lines, 50 ms apart; `/wait` ends only when cancelled;
WebSockets are accepted and left open. Everything the house is told is printed, line by line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from jano_core.config.schema import ServerTable
from jano_core.errors import JanoError, ListenError
from jano_core.http1.asgi import Message, Receive, Send
from jano_core.server import Router
from jano_core.sockets import listen_tcp, listen_unix
from jano_core.units import Duration


class StandIn:
    def __init__(self) -> None:
        self.running: set[anyio.CancelScope] = set()
        self.reloads = 0

    async def asgi(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await anyio.sleep_forever()
        elif scope["path"] == "/health":
            await answer(send, [b"ok\n"])
        else:
            with anyio.CancelScope() as life:
                self.running.add(life)
                told("request " + scope["path"])
                await self._work(scope, send)
            self.running.discard(life)

    async def _work(self, scope: Message, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/wait":
            # granian sends the head together with the first bytes of the body.
            await send({"type": "http.response.body", "body": b"wait\n", "more_body": True})
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await send({"type": "http.response.body", "body": b"cut\n"})
        for number in range(int(scope["query_string"].partition(b"=")[2])):
            line = b"line %d\n" % number
            await send({"type": "http.response.body", "body": line, "more_body": True})
            await anyio.sleep(0.05)
        await send({"type": "http.response.body", "body": b""})

    def busy(self) -> int:
        return len(self.running)

    def begin_shutdown(self) -> None:
        told(f"shutdown {self.busy()}")

    def cancel_all(self) -> None:
        told(f"cancel {self.busy()}")
        for life in tuple(self.running):
            life.cancel()

    async def reload(self) -> None:
        told("reload")
        self.reloads += 1
        if self.reloads > 1:
            raise ZeroDivisionError("in a plugin")
        raise JanoError("the new configuration is wrong")


async def answer(send: Send, lines: list[bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for line in lines:
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def told(line: str) -> None:
    print(line, flush=True)


@asynccontextmanager
async def open_house(url: str, seconds: float, wrong: str) -> AsyncIterator[StandIn]:
    told("opening")
    if wrong:
        raise JanoError(wrong)
    await anyio.sleep(seconds)
    told(f"listening {url}")
    try:
        yield StandIn()
    finally:
        told("closed")


def main() -> int:
    options = json.loads(sys.argv[1])
    try:
        sockets = [listen_tcp("127.0.0.1", options.get("port", 0))]
        if options.get("unix"):
            sockets.append(listen_unix(Path(options["unix"])))
    except ListenError as error:
        print(error, file=sys.stderr)
        return 1

    async def run() -> None:
        await Router(
            lambda url: open_house(url, options.get("opening", 0), options.get("wrong", "")),
            sockets,
            server=ServerTable(
                shutdown_grace=Duration(options.get("grace", 10)), engine=options["engine"]
            ),
            router_file=Path(options["folder"]) / "jano.json",
            ready_file=Path(options["folder"]) / "ready.json",
        ).run()

    try:
        anyio.run(run, backend_options={"use_uvloop": True})
    except JanoError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
