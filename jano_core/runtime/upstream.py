"""The way to one model server: request bytes go in, the answer's bytes come out as they come."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence, Sized
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import urlsplit

from .loopback import SCHEMES, WHOLE, Loopback, Sent
from .loopback_answer import Headers, Take

if TYPE_CHECKING:
    import httpx

    from .through_httpx import ThroughHttpx

Transport: TypeAlias = "httpx.AsyncBaseTransport"

_PORTS = {"http": 80, "https": 443}
HAS_BODY = {"POST", "PUT", "PATCH"}
SIZED = (*WHOLE, Sized)


class UpstreamResponse(Protocol):
    """An answer whose head has come. Whoever opened it must close it, also when cancelled."""

    status: int
    headers: Headers
    """As received: order, case and repetition kept."""

    def whole(self) -> bytes | None:
        """The whole body, which is then read, where it has come already, in one piece; else None:
        `read` it or `pour` it.
        """
        ...

    async def read(self) -> bytes:
        """The next piece of the body as it comes, never decoded; empty when it is over.

        Raises `UpstreamError` if it breaks off.
        """
        ...

    async def pour(self, take: Take) -> None:
        """Have `take` called with the pieces of the body as they come, those together that came
        together, until it is over: an alternative to `read`, for someone who passes on what he
        gets without waiting. The next come when what `take` returned was waited for.

        Raises `UpstreamError` if the body breaks off, and what `take` raises.
        """
        ...

    async def aclose(self) -> None:
        """Done with it; unless the body was read to its end, the connection is closed at once.
        Bounded in time, also where the caller was cancelled.
        """
        ...


class Upstream:
    """Connections to one model server at `url`: Jano's own for plain HTTP, over TCP or a unix
    socket (`http+unix://%2Frun%2Fmodel.sock`), httpx's for TLS, or a `transport` that is given.
    Has no time limit of its own but to connect. With `keep_alive` off each request has a
    connection of its own.
    """

    def __init__(
        self,
        url: str,
        transport: Transport | None = None,
        *,
        keep_alive: bool = True,
    ) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._prefix = parts.path.encode()
        # The host as a URL shows it, without a port that the scheme implies anyway.
        host = parts.netloc.rpartition("@")[2].removesuffix(f":{_PORTS.get(parts.scheme)}")
        self._host = (b"host", b"localhost" if parts.scheme == "http+unix" else host.encode())
        self._closing = [] if keep_alive else [(b"connection", b"close")]
        if transport is None and parts.scheme in SCHEMES:
            self._way: Loopback | ThroughHttpx = Loopback(self.url, keep_alive=keep_alive)
        else:
            # Tens of milliseconds to import, for those alone who need it.
            from .through_httpx import ThroughHttpx

            self._way = ThroughHttpx(self.url, transport, keep_alive=keep_alive)

    def open(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: Sent = b"",
    ) -> Awaitable[UpstreamResponse]:
        """Send a request and return as soon as the answer's head is there.

        `target` is path and query as received, appended to the path of `url`. `headers` go as they
        are; those of the connection, `host` and those that frame the body are made here and may not
        be among them. A streamed body goes with its length where it has one (`Sized`), or
        else in chunks.
        Cancelled, it closes the connection. Raises `UpstreamError`.
        """
        framed = [self._host, *headers]
        if isinstance(body, SIZED):
            if (size := len(body)) or method in HAS_BODY:
                framed.append((b"content-length", b"%d" % size))
        else:
            framed.append((b"transfer-encoding", b"chunked"))
        framed += self._closing
        return self._way.open(method, self._prefix + target, framed, body)

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        await self._way.aclose()
