"""One request and its answer, as ASGI has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .asgi import Application, Headers, Message, Scope
from .head import Head
from .request import Request

if TYPE_CHECKING:
    from .connection import Connection

CROWD = 8
"""With more requests under way, whole answers leave together at the end of a step: to wake a client
that sleeps costs more than to send to one that is awake.
"""
JOINED = 64 * 1024
"""What is sent up to this size leaves in one piece; copying more costs more than it saves."""
_ASGI = {"version": "3.0", "spec_version": "2.3"}
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = logging.getLogger("jano.server")


class Turn:
    """From the moment that the application is asked until it has returned."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_connection",
        "_gone",
        "_hangup",
        "_held",
        "_left",
        "_news",
        "_whole",
        "begun",
        "complete",
        "keep_alive",
        "request",
        "task",
    )

    def __init__(self, connection: Connection, request: Request) -> None:
        self.request = request
        self.begun = False
        """The head of the answer is known, and nothing else can be answered any more."""
        self.complete = False
        """The application has given the whole answer."""
        self.keep_alive = False
        """Another request may follow; decided with the head."""
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._gone = False
        self._held: bytes | None = None
        """What is sent at the end of this step of the loop: a head that a body may still join, or
        all of an answer to one of a crowd.
        """
        self._left: int | None = None
        """Bytes of the body that the head still promises."""
        self._whole = False
        """The application has been given the end of the request."""
        self._chunked = False
        self._bodiless = request.method == "HEAD"
        self._news: asyncio.Event | None = None
        self._hangup: Callable[[], None] | None = None

    async def run(self, application: Application) -> None:
        """Have the request answered. What the application did not finish is cut off."""
        failed = True
        try:
            await application(self.scope(), self.receive, self.send)
            failed = False
        except Exception:
            request = self.request
            log.exception("%s %s failed", request.method, request.raw_path.decode())
        finally:
            if not self.complete:
                self.end(failed)
            self._connection.listener.finish(self)

    def end(self, failed: bool) -> None:
        """The application has ended without a whole answer; `failed`: by an exception."""
        self._connection.give_up(self)

    def scope(self) -> Scope:
        """What the application is told of the request."""
        request, connection = self.request, self._connection
        path = request.raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": request.version,
            "method": request.method,
            "scheme": "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "root_path": "",
            "headers": request.headers,
            "client": connection.client,
            "server": connection.listener.address,
            "extensions": {
                "jano.hangup": self.on_hangup,
                "jano.put": self.put,
                "jano.arrived": self.arrived,
                "jano.fill": self.fill,
            },
        }

    def on_hangup(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called once when the client goes before its answer is complete: now, if
        it has gone already. Takes the place of the one before; None: nobody is to be called.
        """
        self._hangup = callback
        if self._gone:
            self._call_back()

    async def receive(self) -> Message:
        """ASGI's `receive`: pieces of the body, then the end of the client or of the answer."""
        request = self.request
        while not self._gone and not self.complete:
            if request.body:
                piece = self._connection.take(request)
                self._whole = request.complete and not request.body
                return {"type": "http.request", "body": piece, "more_body": not self._whole}
            if request.complete and not self._whole:
                self._whole = True
                return {"type": "http.request", "body": b"", "more_body": False}
            self._welcome()
            await self._something()
        return {"type": "http.disconnect"}

    def arrived(self) -> bytes | None:
        """Instead of `receive`: the whole body where that has come already, in one piece."""
        request = self.request
        if self._gone or not request.complete or len(request.body) > 1:
            return None
        self._whole = True
        return self._connection.take(request) if request.body else b""

    async def fill(self, place: memoryview) -> bool:
        """Instead of `receive`: have the whole body, which has this length, put there. False: the
        client has gone, or has its answer.
        """
        request, at = self.request, 0
        while request.body:
            piece = self._connection.take(request)
            place[at : at + len(piece)] = piece
            at += len(piece)
        self._whole = True
        if not (request.complete or self._gone or self.complete):
            self._welcome()
            self._connection.fill(place[at:])
        while not (request.complete or self._gone or self.complete):
            await self._something()
        return request.complete and not self._gone

    async def send(self, message: Message) -> None:
        """ASGI's `send`; waits only for a client that is slower than what is sent to it. Otherwise
        as `put`.
        """
        full = self.put(message)
        if full is not None:
            await full.wait()

    def put(self, message: Message) -> asyncio.Event | None:
        """Send a message now, without waiting. What is returned is set when the client has taken
        enough for the next; None: that may come at once.

        Nothing happens once the client is gone. Raises `RuntimeError` and `ValueError` for what
        is no answer.
        """
        kind = message["type"]
        if kind == "http.response.body":
            more = message.get("more_body", False)
            self._body(message.get("body", b""), message.get("jano.chunks"), more)
        elif kind == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
            if not message.get("jano.joined"):
                self._connection.listener.flush_soon(self)
        else:
            raise RuntimeError(f"cannot send {kind}")
        return None if self.complete else self._connection.full

    # -- called by the connection

    def _welcome(self) -> None:
        """Say the word that the client may wait for before it sends the body."""
        request = self.request
        if request.expects and not (request.complete or self.begun):
            request.expects = False
            self._connection.write(CONTINUE)

    async def _something(self) -> None:
        """Wait until something has come; any number of tasks may."""
        if self._news is None:
            self._news = asyncio.Event()
        await self._news.wait()

    def tell(self) -> None:
        """Something has come."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def hang_up(self) -> None:
        """The client is gone."""
        self._gone = True
        self.tell()
        self._call_back()

    @property
    def truncatable(self) -> bool:
        """Without its end the answer would look whole: only the connection's end marks it."""
        return self.begun and self._left is None and not (self._chunked or self._bodiless)

    def flush(self) -> None:
        """Send now what is held."""
        held, self._held = self._held, None
        if held is not None and not self._gone and not self._connection.transport.is_closing():
            self._connection.write(held)

    # -- the answer

    def _start(self, status: int, headers: Headers) -> None:
        if self._gone:
            return
        if self.begun:
            raise RuntimeError("the answer has begun already")
        request, connection = self.request, self._connection
        self.keep_alive = connection.may_keep_alive(request)
        self._bodiless = request.method == "HEAD" or status in (204, 304)
        head = Head(status, headers, self._bodiless, request.version == "1.1", self.keep_alive)
        self._held, self._chunked = head.text, head.chunked
        self._left = None if self._bodiless else head.length
        self.begun = True

    def _body(self, chunk: bytes, chunks: Sequence[bytes] | None, more: bool) -> None:
        if self._gone:
            return
        if self.complete or not self.begun:
            raise RuntimeError("a body before its head, or after its end")
        if self._bodiless:
            chunk = b""
        size, left = len(chunk), self._left
        if left is not None:
            self._left = left = left - size
            if left < 0:
                raise RuntimeError("the body is longer than its content-length")
        before, self._held, after = self._held or b"", None, b""
        if self._chunked:
            if chunks and size:
                chunk = b"".join([b"%x\r\n%b\r\n" % (len(each), each) for each in chunks])
            elif size:
                before, after = before + b"%x\r\n" % size, b"\r\n"
            if not more:
                after += LAST_CHUNK
        if size > JOINED:
            # Not `writelines`: on asyncio's loop some Pythons forget to hold us back after it.
            for part in filter(None, (before, chunk, after)):
                self._connection.write(part)
        elif data := b"".join((before, chunk, after)):
            listener = self._connection.listener
            if more or not self.keep_alive or len(listener.running) <= CROWD:
                self._connection.write(data)
            else:
                self._held = data
                listener.flush_soon(self)
        if more:
            return
        if left:
            raise RuntimeError("the body is shorter than its content-length")
        self.complete = True
        self.tell()
        self._connection.replied(self)

    def _call_back(self) -> None:
        callback, self._hangup = self._hangup, None
        # Who has all that was promised may go.
        if callback is not None and self._left != 0 and not self.complete:
            callback()
