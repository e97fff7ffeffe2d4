"""One attempt to get an answer from a model server and pass it on as it comes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ..errors import Refused, UpstreamError
from ..plugin.contracts import Usage
from ..telemetry.tap import Tap
from .body import AsyncPieces
from .call import RawHeaders
from .early import AsEvent, Read, as_refusal
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
    it. Ends the `vigil`. `framing` is that of a stream that was asked for; `capture` is told all,
    where there is one.
    """

    usage: Usage | None = None
    status = 0
    content_type = ""
    broken = ""
    """How the server broke off, if it did."""

    def __init__(
        self,
        house: House,
        ticket: Ticket,
        lease: Lease,
        reply: Reply,
        framing: Framing,
        vigil: Vigil,
        capture: Capture | None,
    ) -> None:
        self.vigil = vigil
        self._house = house
        self._now = house.clock.now
        self._capture = capture
        self._ticket = ticket
        self._lease = lease
        self._reply = reply
        self._framing = framing

    async def run(
        self, method: str, target: bytes, headers: RawHeaders, content: bytes | AsyncPieces
    ) -> None:
        """Ask and pass on; `broken` then says whether the server broke off. Raises `Refused` where
        its answer does not fit the head that is already out.
        """
        self._reply.reserved = False
        try:
            response = await self._lease.upstream.open(method, target, headers, content)
            try:
                await self._pass(response, method)
            finally:
                await response.aclose()
        except UpstreamError as error:
            self.broken = f"broke off: {error}"
        finally:
            self.vigil.end()

    async def _pass(self, response: UpstreamResponse, method: str) -> None:
        head, reply, vigil, capture = (
            AnswerHead(response.headers),
            self._reply,
            self.vigil,
            self._capture,
        )
        self.status, self.content_type = response.status, head.content_type
        if capture is not None:
            capture.answered(response.headers)
        events = head.content_type.lower().startswith(self._framing.content_type) and head.plain
        kind = head.content_type
        read: Read = response.read
        waiting = not reply.head_out
        if not waiting:
            kind, read = self._framing.content_type, await self._fit(response, head, events)
        elif events:
            # It goes out at once: a stream of events can be continued by another server's.
            waiting = False
            await self._send_head(head, method, self._framing)
        # Another head waits for the first byte, so that a server which breaks right after it can
        # still be asked again.
        reply.reserved = waiting
        tap = Tap(kind, self._house.normalizers, encoding=head.coding, now=self._now)
        while chunk := await read():
            vigil.heard()
            if not reply.bytes_out:
                if waiting:
                    waiting = False
                    await self._send_head(head, method)
                self._ticket.first_byte()
            tap.feed(chunk)
            if capture is not None:
                capture.feed(chunk)
            await reply.body(chunk)
            vigil.listening(self._now())
        if waiting:
            await self._send_head(head, method)
        await reply.end()
        self.usage = tap.result()

    async def _fit(self, response: UpstreamResponse, head: AnswerHead, events: bool) -> Read:
        """Make the answer fit a stream whose head is out."""
        if not head.plain:
            text = f"the server of {self._lease.model} compressed its answer to a waiting client"
            raise Refused("upstream_failed", text)
        if not 200 <= response.status < 300:
            raise await as_refusal(self._lease.model, response.status, response.read)
        return response.read if events else AsEvent(response.read, self._framing).read

    def _send_head(
        self, head: AnswerHead, method: str, framing: Framing | None = None
    ) -> Awaitable[None]:
        headers, lease = head.passed, self._lease
        headers += identity(self._ticket.id, lease.model)
        headers += waits(lease.queue_ms, lease.swap_ms)
        if framing is not None and not head.unbuffered:
            headers.append((b"x-accel-buffering", b"no"))
        bodiless = method == "HEAD" or self.status in (204, 304)
        length = None if bodiless else head.length
        return self._reply.head(self.status, headers, framing=framing, length=length)
