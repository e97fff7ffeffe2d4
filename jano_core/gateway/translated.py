"""An OpenAI answer on its way to a client that speaks something else."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import Refused
from ..plugin.contracts import Dialect
from ..plugin.translation import Translation
from ..telemetry.tap import EVENT_STREAM
from .call import Call, Message, RawHeaders, Send
from .headers import value_of
from .reply import send_whole

_REMADE = {b"content-type", b"content-length", b"content-encoding"}
_NOT_SENT = {b"content-type", b"content-length", b"accept", b"accept-encoding"}
DONE = b"[DONE]"


def translated(call: Call, dialect: Dialect, translation: Translation) -> Call:
    """The call as the rest of the gateway serves it: OpenAI's, for a client that reads JSON."""
    headers = [pair for pair in call.headers if pair[0] not in _NOT_SENT]
    headers.append((b"content-type", b"application/json"))
    # What is to be read on the way must not be compressed.
    headers.append((b"accept-encoding", b"identity"))
    return call.through(_Interpreter(call.send, dialect, translation), headers)


class _Interpreter:
    """A `Send` between the exchange and the client."""

    def __init__(self, send: Send, dialect: Dialect, translation: Translation) -> None:
        self._send = send
        self._dialect = dialect
        self._translation = translation
        self._status = 0
        self._headers: RawHeaders = []
        self._streaming = False
        self._ended = False
        self._pending = b""
        """All of a whole answer so far, the last unfinished line of a stream."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message["status"], message["headers"])
        elif self._streaming:
            await self._stream(message.get("body", b""), message.get("more_body", False))
        else:
            self._pending += message.get("body", b"")
            if not message.get("more_body", False):
                await self._whole()

    async def _start(self, status: int, headers: RawHeaders) -> None:
        kind = value_of(headers, b"content-type").decode("latin-1").lower()
        self._status = status
        self._headers = [pair for pair in headers if pair[0].lower() not in _REMADE]
        if status < 400 and kind.startswith(EVENT_STREAM):
            self._streaming = True
            content_type = (b"content-type", self._translation.content_type.encode())
            head = [content_type, *self._headers]
            await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _whole(self) -> None:
        document = _document(self._pending)
        if self._status >= 400 or document is None:
            body = self._dialect.error(_refused(document, self._status, self._pending))
            status = self._status if self._status >= 400 else 502
        else:
            body, status = self._translation.whole(document), self._status
        kind = "application/json"
        if self._translation.stream and status < 400:
            kind = self._translation.content_type
        await send_whole(self._send, status, kind, body, self._headers)

    async def _stream(self, chunk: bytes, more: bool) -> None:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if not more and self._pending:
            lines, self._pending = [*lines, self._pending], b""
        text = b"".join(map(self._line, lines))
        if not more and not self._ended:
            text += self._end()
        if text or not more:
            await self._send({"type": "http.response.body", "body": text, "more_body": more})

    def _line(self, line: bytes) -> bytes:
        line = line.strip()
        if self._ended:
            return b""
        if line.startswith(b":"):
            return self._translation.sign()
        if not line.startswith(b"data:"):
            return b""
        data = line[5:].strip()
        if data == DONE:
            return self._end()
        if (document := _document(data)) is None:
            return b""
        if document.get("error"):
            self._ended = True
            return self._dialect.stream_error(_refused(document, 502, data))
        return self._translation.event(document)

    def _end(self) -> bytes:
        self._ended = True
        return self._translation.end()


def _document(data: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(document: dict[str, Any] | None, status: int, raw: bytes) -> Refused:
    """An error of any server's or of Jano's own, as far as it can be read."""
    error = (document or {}).get("error")
    if isinstance(error, dict):
        message, code = error.get("message"), error.get("code")
    else:
        message, code = error, None
    text = message if isinstance(message, str) else raw[:500].decode(errors="replace")
    code = code if isinstance(code, str) else "upstream_failed"
    return Refused(code, text, status=status)
