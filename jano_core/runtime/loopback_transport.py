"""Jano's own client with httpx's face, for those who want `httpx.AsyncClient` on top of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from ..errors import UpstreamError
from .loopback import SCHEMES
from .upstream import Upstream, UpstreamResponse


class LoopbackTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=LoopbackTransport())`; asyncio only.

    One pool for each server asked. Other schemes than plain HTTP go through httpx's own transport.
    """

    def __init__(self) -> None:
        self._servers: dict[str, Upstream] = {}
        self._otherwise: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`; raises `httpx.NetworkError` where no answer comes."""
        if request.url.scheme not in SCHEMES:
            self._otherwise = self._otherwise or httpx.AsyncHTTPTransport(trust_env=False)
            return await self._otherwise.handle_async_request(request)
        base = f"{request.url.scheme}://{request.url.netloc.decode()}"
        server = self._servers.get(base)
        if server is None:
            server = self._servers[base] = Upstream(base)
        target = request.extensions.get("target", request.url.raw_path)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        whole = isinstance(request.stream, httpx.ByteStream)
        body = await request.aread() if whole else request.stream
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        try:
            response = await server.open(request.method, target, headers, body)
        except UpstreamError as error:
            raise httpx.NetworkError(str(error), request=request) from error
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close every connection."""
        for server in self._servers.values():
            await server.aclose()
        if self._otherwise is not None:
            await self._otherwise.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: UpstreamResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._response.read():
                yield chunk
        except UpstreamError as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    async def aclose(self) -> None:
        await self._response.aclose()
