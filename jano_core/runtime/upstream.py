"""The way to one model server: a request's bytes go in, the answer's bytes come out as they come.

An `httpx` transport is called directly. Its request and response are the vocabulary that tests and
other transports share; an `httpx.AsyncClient` would add headers, cookies, redirects and decoding,
none of which a router may do.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from functools import lru_cache

import anyio
import httpx

from ..errors import UpstreamError

Headers = list[tuple[bytes, bytes]]
Transport = httpx.AsyncBaseTransport

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE_S = 4.0
"""Below the five seconds after which cpp-httplib and uvicorn close an idle connection."""
IDLE_CONNECTIONS = 64
STALE_WITHIN_S = 1.0
"""A connection that was closed while idle says so within a round trip; a later break is an answer
that was being worked on, and not to be asked for twice."""

FRAMING = {b"host", b"content-length", b"transfer-encoding", b"connection"}
HAS_BODY = {"POST", "PUT", "PATCH"}


class UpstreamResponse:
    """An answer whose head has come. Whoever opened it must close it, also when cancelled."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Headers = response.headers.raw
        """As received: order, case and repetition kept."""
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._stream = response.stream

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, never decoded. Raises `UpstreamError` if it breaks off."""
        try:
            async for chunk in self._stream:
                yield chunk
        except httpx.TransportError as error:
            raise UpstreamError(_in_words(error)) from error

    async def aclose(self) -> None:
        """Done with it; unless the body was read to its end, the connection is closed at once."""
        await self._stream.aclose()


class Upstream:
    """Connections to one model server at `url`. Has no time limit of its own but to connect."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._base = httpx.URL(self.url)
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=self._base.scheme == "https",
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=KEEPALIVE_S,
            ),
        )
        self._prefix = self._base.raw_path.rstrip(b"/")
        self._located = lru_cache(maxsize=256)(self._locate)

    async def open(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterable[bytes] = b"",
    ) -> UpstreamResponse:
        """Send a request and return as soon as the answer's head is there.

        `target` is path and query as received, appended to the path of `url`. `headers` go as
        they are, but for those of the connection and `host`, which are made here. A streamed body
        goes with the caller's `content-length`, or else in chunks. Cancelled, it closes the
        connection. Raises `UpstreamError`.
        """
        fresh = _Freshness()
        request = httpx.Request(
            method,
            self._located(target),
            headers=self._framed(method, headers, body),
            stream=_Whole(body) if isinstance(body, bytes) else _Streamed(body),
            extensions={
                "timeout": {"connect": CONNECT_TIMEOUT_S},
                "target": self._prefix + target,  # the URL object would normalize it
                "trace": fresh.trace,
            },
        )
        began = anyio.current_time()
        try:
            return UpstreamResponse(await self._transport.handle_async_request(request))
        except httpx.TransportError as error:
            soon = anyio.current_time() - began < STALE_WITHIN_S
            if fresh.connected or not fresh.sent or not soon or not isinstance(body, bytes):
                raise UpstreamError(_in_words(error)) from error
        # Else the connection had been kept from an earlier exchange, and the server closed it
        # just before this one was sent.
        try:
            return UpstreamResponse(await self._transport.handle_async_request(request))
        except httpx.TransportError as error:
            raise UpstreamError(_in_words(error)) from error

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        await self._transport.aclose()

    def _locate(self, target: bytes) -> httpx.URL:
        try:
            return self._base.copy_with(raw_path=self._prefix + target)
        except (httpx.InvalidURL, UnicodeDecodeError) as error:
            raise UpstreamError(f"cannot be sent: {error}") from error

    def _framed(
        self,
        method: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterable[bytes],
    ) -> Headers:
        framed: Headers = [(b"host", self._base.netloc)]
        length = None
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-length":
                length = value
            if lower not in FRAMING:
                framed.append((name, value))
        if isinstance(body, bytes):
            if body or method in HAS_BODY:
                framed.append((b"content-length", b"%d" % len(body)))
        elif length is not None:
            framed.append((b"content-length", length))
        else:
            framed.append((b"transfer-encoding", b"chunked"))
        return framed


class _Freshness:
    """Learns from the transport's trace whether a new connection was made for a request."""

    def __init__(self) -> None:
        self.connected = False
        self.sent = False

    async def trace(self, event: str, info: object) -> None:
        if event.startswith("connection.connect_"):
            self.connected = True
        elif event == "http11.send_request_headers.started":
            self.sent = True


class _Whole(httpx.AsyncByteStream):
    """A body that is all there, and can be sent again."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body


class _Streamed(httpx.AsyncByteStream):
    """A body that comes from elsewhere, once."""

    def __init__(self, body: AsyncIterable[bytes]) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk


def _in_words(error: Exception) -> str:
    return str(error) or type(error).__name__
