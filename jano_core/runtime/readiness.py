"""Is it ready yet? Short bounded questions to a model server, and how often to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import httpx
import msgspec

from ..errors import UpstreamError
from ..plugin.server import Reply

MAX_BODY = 2**20
SLOWEST_POLL_S = 0.5


class ServerHttp:
    """The `Http` of `plugin.server`: GET and POST, each on a connection of its own.

    A server may keep one of its few threads for every open connection, so none is kept open.
    `url` is asked at each call, since a launcher may choose the port.
    """

    def __init__(
        self, url: Callable[[], str], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._transport = transport

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        """GET `path`; raises `UpstreamError` where no whole answer comes in `timeout` seconds."""
        return await self._ask("GET", path, b"", timeout)

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        """POST `body` as JSON; raises `UpstreamError` as `get` does."""
        content = b"" if body is None else msgspec.json.encode(body)
        return await self._ask("POST", path, content, timeout)

    async def _ask(self, method: str, path: str, content: bytes, timeout: float) -> Reply:
        url = self._url().rstrip("/") + path
        headers = {"connection": "close", "accept": "application/json"}
        if content:
            headers["content-type"] = "application/json"
        try:
            with anyio.fail_after(timeout):
                request = httpx.Request(method, url, headers=headers, content=content)
                return await self._exchange(request)
        except TimeoutError as error:
            raise UpstreamError(f"no answer from {url} in {timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UpstreamError(f"{url}: {str(error) or type(error).__name__}") from error

    async def _exchange(self, request: httpx.Request) -> Reply:
        if self._transport is None:
            self._transport = httpx.AsyncHTTPTransport(
                verify=request.url.scheme == "https", trust_env=False
            )
        response = await self._transport.handle_async_request(request)
        try:
            return await _read(response)
        finally:
            await response.aclose()


async def _read(response: httpx.Response) -> Reply:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            raise UpstreamError(f"the answer is longer than {MAX_BODY} bytes")
    return Reply(response.status_code, body, dict(response.headers))


async def until_ready(ready: Callable[[], Awaitable[bool]], first: float) -> None:
    """Return soon after `ready` would say yes; for ever if it never does.

    Polled after `first` seconds, then after a tenth of the time that has passed, at most half a
    second: what polling adds to a load is lost in the load itself.
    """
    began = anyio.current_time()
    while not await ready():
        elapsed = anyio.current_time() - began
        await anyio.sleep(max(first, min(SLOWEST_POLL_S, elapsed / 10)))
