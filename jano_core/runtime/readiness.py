"""Is it ready yet? Short bounded questions to a model server, and how often to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import msgspec

from ..errors import UpstreamError
from ..plugin.server import Reply
from .upstream import Headers, Transport, Upstream, UpstreamResponse

MAX_BODY = 2**20
SOONEST_POLL_S = 0.001
SLOWEST_POLL_S = 0.5


class ServerHttp:
    """The `Http` of `plugin.server`: GET and POST, each on a connection of its own.

    A server may keep one of its few threads for every open connection, so none is kept open.
    `url` is asked at each call, since a launcher may choose the port.
    """

    def __init__(self, url: Callable[[], str], transport: Transport | None = None) -> None:
        self._url = url
        self._transport = transport
        self._server: Upstream | None = None
        self.headers: dict[str, str] = {}

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        """GET `path`; raises `UpstreamError` where no whole answer comes in `timeout` seconds."""
        return await self._ask("GET", path, b"", timeout)

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        """POST `body` as JSON; raises `UpstreamError` as `get` does."""
        content = b"" if body is None else msgspec.json.encode(body)
        return await self._ask("POST", path, content, timeout)

    async def _ask(self, method: str, path: str, content: bytes, timeout: float) -> Reply:
        url = self._url().rstrip("/")
        headers: Headers = [(b"accept", b"application/json")]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if content:
            headers.append((b"content-type", b"application/json"))
        try:
            with anyio.fail_after(timeout):
                response = await self._at(url).open(method, path.encode(), headers, content)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise UpstreamError(f"no answer from {url}{path} in {timeout:g} s") from error
        except UpstreamError as error:
            raise UpstreamError(f"{url}{path}: {error}") from error

    def _at(self, url: str) -> Upstream:
        if self._server is None or self._server.url != url:
            self._server = Upstream(url, self._transport, keep_alive=False)
        return self._server


async def _read(response: UpstreamResponse) -> Reply:
    body = b""
    while chunk := await response.read():
        body += chunk
        if len(body) > MAX_BODY:
            raise UpstreamError(f"the answer is longer than {MAX_BODY} bytes")
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    return Reply(response.status, body, headers)


async def until_ready(ready: Callable[[], Awaitable[bool]], first: float) -> None:
    """Return soon after `ready` would say yes; for ever if it never does.

    Asked at once, then each time that as long has passed again, until that is `first` seconds; then
    every `first` seconds; then after a tenth of the time that has passed, at most half a second:
    what polling adds to a load is lost in the load itself.
    """
    began = anyio.current_time()
    while not await ready():
        elapsed = anyio.current_time() - began
        soon = min(first, max(SOONEST_POLL_S, elapsed))
        await anyio.sleep(max(soon, min(SLOWEST_POLL_S, elapsed / 10)))
