"""One attempt to get an answer from a model server and pass it on as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from ..errors import Refused
from ..plugin.contracts import Usage
from ..telemetry.tap import Tap
from .body import AsyncPieces
from .call import RawHeaders
from .early import as_event, as_refusal
from .framing import Framing
from .headers import downward, identity, value_of, waits
from .reply import Reply
from .vigil import Vigil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plugin.contracts import UsageNormalizer
    from ..runtime.ticket import Lease, Ticket
    from ..runtime.upstream import UpstreamResponse
    from ..telemetry.captures import Capture

Head = Callable[[], Awaitable[None]]


class Relay:
    """Passes one server's answer to `reply`; `usage`, `status` and `content_type` are what came of
    it. `framing` is that of a stream that was asked for; `capture` is told all, where there is one.
    """

    def __init__(
        self,
        ticket: Ticket,
        lease: Lease,
        reply: Reply,
        vigil: Vigil,
        framing: Framing,
        normalizers: Sequence[UsageNormalizer],
        capture: Capture | None,
    ) -> None:
        self.usage: Usage | None = None
        self.status = 0
        self.content_type = ""
        self._capture = capture
        self._ticket = ticket
        self._lease = lease
        self._reply = reply
        self._vigil = vigil
        self._framing = framing
        self._normalizers = normalizers

    async def run(
        self, method: str, target: bytes, headers: RawHeaders, content: bytes | AsyncPieces
    ) -> None:
        """Ask and pass on. Raises `UpstreamError` where the server breaks off, and `Refused` where
        its answer does not fit the head that is already out.
        """
        self._reply.reserved = False
        response = await self._lease.upstream.open(method, target, headers, content)
        try:
            self.status = response.status
            await self._answer(response, method)
        finally:
            await response.aclose()

    async def _answer(self, response: UpstreamResponse, method: str) -> None:
        kind = value_of(response.headers, b"content-type").decode("latin-1")
        self.content_type = kind
        if self._capture is not None:
            self._capture.answered(response.headers)
        coding = value_of(response.headers, b"content-encoding").decode("latin-1")
        plain = coding.lower() in ("", "identity")
        events = kind.lower().startswith(self._framing.content_type) and plain
        if self._reply.head_out:
            chunks = await self._fit(response, events=events, plain=plain)
            tap = Tap(self._framing.content_type, self._normalizers)
            await self._pass(chunks, tap)
        else:
            tap = Tap(kind, self._normalizers, encoding=coding)
            bodiless = method == "HEAD" or response.status in (204, 304)
            self._reply.reserved = not events
            head = partial(self._head, response, events=events, bodiless=bodiless)
            if events:
                await head()
            await self._pass(response.chunks(), tap, None if events else head)
        self.usage = tap.result()

    async def _fit(
        self, response: UpstreamResponse, *, events: bool, plain: bool
    ) -> AsyncIterable[bytes]:
        """Make the answer fit a stream whose head is out."""
        if not plain:
            text = f"the server of {self._lease.model} compressed its answer to a waiting client"
            raise Refused("upstream_failed", text)
        if not 200 <= response.status < 300:
            raise await as_refusal(self._lease.model, response.status, response.chunks())
        return response.chunks() if events else as_event(response.chunks(), self._framing)

    async def _pass(self, chunks: AsyncIterable[bytes], tap: Tap, head: Head | None = None) -> None:
        """`head` waits for the first byte, so that a server which breaks right after its own can
        still be asked again. (An event stream's goes out at once: it can be continued.)
        """
        reply, vigil = self._reply, self._vigil
        async for chunk in chunks:
            if not chunk:
                continue
            vigil.heard()
            if head is not None:
                await head()
                head = None
            if not reply.bytes_out:
                self._ticket.first_byte()
            tap.feed(chunk)
            if self._capture is not None:
                self._capture.feed(chunk)
            await reply.body(chunk)
            vigil.listening()
        if head is not None:
            await head()
        await reply.end()

    async def _head(self, response: UpstreamResponse, *, events: bool, bodiless: bool) -> None:
        headers = downward(response.headers)
        headers += identity(self._ticket.id, self._lease.model)
        headers += waits(self._lease.queue_ms, self._lease.swap_ms)
        if events and not value_of(headers, b"x-accel-buffering"):
            headers.append((b"x-accel-buffering", b"no"))
        announced = value_of(headers, b"content-length")
        length = int(announced) if announced.isdigit() and not bodiless else None
        framing = self._framing if events else None
        await self._reply.head(response.status, headers, framing=framing, length=length)
