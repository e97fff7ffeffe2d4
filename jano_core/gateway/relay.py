"""One attempt to get an answer from a model server and pass it on as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING

from ..errors import Refused
from ..plugin.contracts import Usage
from ..telemetry.tap import Tap
from .body import AsyncPieces
from .call import RawHeaders
from .early import as_event, as_refusal
from .framing import Framing
from .headers import AnswerHead, identity, waits
from .house import House
from .reply import Reply
from .vigil import Vigil

if TYPE_CHECKING:
    from ..runtime.ticket import Lease, Ticket
    from ..runtime.upstream import UpstreamResponse
    from ..telemetry.captures import Capture


class Relay:
    """Passes one server's answer to `reply`; `usage`, `status` and `content_type` are what came of
    it. `framing` is that of a stream that was asked for; `capture` is told all, where there is one.
    """

    usage: Usage | None = None
    status = 0
    content_type = ""
    _method = ""
    _head: AnswerHead | None = None
    """The server's head, while it waits for the first byte of the body."""

    def __init__(
        self,
        ticket: Ticket,
        lease: Lease,
        reply: Reply,
        vigil: Vigil,
        framing: Framing,
        house: House,
        capture: Capture | None,
    ) -> None:
        self._house = house
        self._capture = capture
        self._ticket = ticket
        self._lease = lease
        self._reply = reply
        self._vigil = vigil
        self._framing = framing

    async def run(
        self, method: str, target: bytes, headers: RawHeaders, content: bytes | AsyncPieces
    ) -> None:
        """Ask and pass on. Raises `UpstreamError` where the server breaks off, and `Refused` where
        its answer does not fit the head that is already out.
        """
        self._reply.reserved = False
        self._method = method
        response = await self._lease.upstream.open(method, target, headers, content)
        try:
            await self._answer(response)
        finally:
            await response.aclose()

    async def _answer(self, response: UpstreamResponse) -> None:
        self.status = response.status
        head = AnswerHead(response.headers)
        self.content_type = head.content_type
        if self._capture is not None:
            self._capture.answered(response.headers)
        events = head.content_type.lower().startswith(self._framing.content_type) and head.plain
        kind = head.content_type
        chunks: AsyncIterable[bytes] = response.chunks()
        if self._reply.head_out:
            kind, chunks = self._framing.content_type, await self._fit(response, head, events)
        elif events:
            # It goes out at once: a stream of events can be continued by another server's.
            await self._send_head(head, self._framing)
        else:
            # It waits for the first byte, so that a server which breaks right after it can still
            # be asked again.
            self._reply.reserved = True
            self._head = head
        now = self._house.clock.now
        tap = Tap(kind, self._house.normalizers, encoding=head.coding, now=now)
        await self._pass(chunks, tap)
        self.usage = tap.result()

    async def _fit(
        self, response: UpstreamResponse, head: AnswerHead, events: bool
    ) -> AsyncIterable[bytes]:
        """Make the answer fit a stream whose head is out."""
        if not head.plain:
            text = f"the server of {self._lease.model} compressed its answer to a waiting client"
            raise Refused("upstream_failed", text)
        if not 200 <= response.status < 300:
            raise await as_refusal(self._lease.model, response.status, response.chunks())
        return response.chunks() if events else as_event(response.chunks(), self._framing)

    async def _pass(self, chunks: AsyncIterable[bytes], tap: Tap) -> None:
        reply, vigil, capture = self._reply, self._vigil, self._capture
        async for chunk in chunks:
            if not chunk:
                continue
            vigil.heard()
            if not reply.bytes_out:
                if self._head is not None:
                    await self._send_head(self._head)
                self._ticket.first_byte()
            tap.feed(chunk)
            if capture is not None:
                capture.feed(chunk)
            await reply.body(chunk)
            vigil.listening()
        if self._head is not None:
            await self._send_head(self._head)
        await reply.end()

    async def _send_head(self, head: AnswerHead, framing: Framing | None = None) -> None:
        self._head = None
        headers, lease = head.passed, self._lease
        headers += identity(self._ticket.id, lease.model)
        headers += waits(lease.queue_ms, lease.swap_ms)
        if framing is not None and not head.unbuffered:
            headers.append((b"x-accel-buffering", b"no"))
        bodiless = self._method == "HEAD" or self.status in (204, 304)
        length = None if bodiless else head.length
        await self._reply.head(self.status, headers, framing=framing, length=length)
