"""What Jano's own client does not do, httpx does: TLS, and whatever transport is given to it.

The transport is called directly. An `httpx.AsyncClient` would add headers, cookies, redirects and
decoding, none of which a router may do.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from functools import lru_cache

import anyio
import httpx

from ..errors import UpstreamError
from .loopback import CONNECT_TIMEOUT_S, IDLE_CONNECTIONS, KEEPALIVE_S, STALE_WITHIN_S, WHOLE, Sent
from .loopback_answer import Headers, Take

CLOSE_WITHIN_S = 1.0
"""To close a connection whose exchange was cancelled."""


class HttpxResponse:
    """An answer whose head has come; see `LoopbackResponse`."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Headers = response.headers.raw
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._stream = response.stream
        self._pieces = aiter(response.stream)

    def whole(self) -> bytes | None:
        """See `UpstreamResponse.whole`; httpx does not say."""
        return None

    async def read(self) -> bytes:
        """See `UpstreamResponse.read`."""
        try:
            while not (chunk := await anext(self._pieces, None)):
                if chunk is None:
                    return b""
            return chunk
        except httpx.TransportError as error:
            raise UpstreamError(_in_words(error)) from error

    async def pour(self, take: Take) -> None:
        """See `UpstreamResponse.pour`."""
        while piece := await self.read():
            if (full := take([piece])) is not None:
                await full.wait()

    async def aclose(self) -> None:
        """Done with it; unless the body was read to its end, the connection is closed at once."""
        with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
            await self._stream.aclose()


class ThroughHttpx:
    """A transport for the server at `url`: the one given, else httpx's own."""

    def __init__(
        self, url: str, transport: httpx.AsyncBaseTransport | None, *, keep_alive: bool
    ) -> None:
        self._url = httpx.URL(url)
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=self._url.scheme == "https",
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=IDLE_CONNECTIONS if keep_alive else 0,
                keepalive_expiry=KEEPALIVE_S,
            ),
        )
        self._located = lru_cache(maxsize=256)(self._locate)

    async def open(self, method: str, target: bytes, headers: Headers, body: Sent) -> HttpxResponse:
        """As `Loopback.open`."""
        fresh = _Freshness()
        request = httpx.Request(
            method,
            self._located(target),
            headers=headers,
            stream=_Whole(body) if isinstance(body, WHOLE) else _Streamed(body),
            extensions={
                "timeout": {"connect": CONNECT_TIMEOUT_S},
                "target": target,  # the URL object would normalize it
                "trace": fresh.trace,
            },
        )
        began = anyio.current_time()
        try:
            return HttpxResponse(await self._transport.handle_async_request(request))
        except httpx.TransportError as error:
            soon = anyio.current_time() - began < STALE_WITHIN_S
            if fresh.connected or not fresh.sent or not soon or not isinstance(body, WHOLE):
                raise UpstreamError(_in_words(error)) from error
        # Else the connection had been kept from an earlier exchange, and the server closed it
        # just before this one was sent.
        try:
            return HttpxResponse(await self._transport.handle_async_request(request))
        except httpx.TransportError as error:
            raise UpstreamError(_in_words(error)) from error

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        await self._transport.aclose()

    def _locate(self, target: bytes) -> httpx.URL:
        try:
            return self._url.copy_with(raw_path=target)
        except (httpx.InvalidURL, UnicodeDecodeError) as error:
            raise UpstreamError(f"cannot be sent: {error}") from error


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

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body:
            yield bytes(self._body)


class _Streamed(httpx.AsyncByteStream):
    """A body that comes from elsewhere, once."""

    def __init__(self, body: AsyncIterable[bytes]) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk


def _in_words(error: Exception) -> str:
    return str(error) or type(error).__name__
