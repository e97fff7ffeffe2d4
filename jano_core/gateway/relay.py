"""One attempt to get an answer from a model server and pass it on as it comes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..errors import NoRoom, Refused, UpstreamError
from ..plugin.contracts import Usage
from ..telemetry.tap import Tap, tap
from .body import Content
from .call import Full, RawHeaders
from .early import Pour, as_refusal, pour_as_event
from .framing import Framing
from .headers import AnswerHead, identity, waits
from .house import House
from .reply import Reply, done
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
    _head: AnswerHead | None = None
    """The server's head, while it waits for the first byte of the body."""
    _bodiless = False
    _tap: Tap
    _unsent: tuple[Full | None, ...] = ()
    """What has to be waited for."""

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

    async def run(self, method: str, target: bytes, headers: RawHeaders, content: Content) -> None:
        """Ask and pass on; `broken` then says whether the server broke off. Raises `Refused` where
        its answer does not fit the head that is already out, or where Jano cannot ask.
        """
        reply = self._reply
        try:
            response = await self._lease.upstream.open(method, target, headers, content)
            try:
                early = reply.head_out
                if (sent := self._meet(response, method)) is not None:
                    await sent.wait()
                if early:
                    await (await self._fitting(response))(self._take)
                elif (piece := response.whole()) is None:
                    await response.pour(self._take)
                else:
                    reply.ends_next = True
                    if self._take([piece]) is not None:
                        await self.wait()
                if self._head is not None:
                    await done(self._begin(self._head))
                if not reply.complete:
                    await reply.end()
                self.usage = self._tap.result()
            finally:
                await response.aclose()
        except NoRoom as error:
            text = f"{self._lease.model} cannot be asked: {error}"
            raise Refused("queue_full", text, retry_after=1) from error
        except UpstreamError as error:
            self.broken = f"broke off: {error}"
        finally:
            reply.reserved = False  # if it broke off now, the client has yet to wait
            self.vigil.end()

    def _meet(self, response: UpstreamResponse, method: str) -> Full | None:
        """The server's head has come."""
        head, reply, sent = AnswerHead(response.headers), self._reply, None
        self.status, self.content_type = response.status, head.content_type
        self._bodiless = method == "HEAD" or response.status in (204, 304)
        if self._capture is not None:
            self._capture.answered(response.headers)
        kind = head.content_type
        if reply.head_out:
            kind = self._framing.content_type
        elif self._streams(head):
            # It goes out at once: a stream of events can be continued by another server's.
            sent = self._begin(head, self._framing)
        else:
            # It waits for the first byte, so that a server which breaks right after its head can
            # still be asked again.
            self._head, reply.reserved = head, True
        self._tap = tap(kind, self._house.usage_reader, encoding=head.coding, now=self._now)
        return sent

    def _take(self, chunks: list[bytes]) -> Relay | None:
        """Some of the body has come: pass it on."""
        reply, head, several = self._reply, None, len(chunks) > 1
        piece = b"".join(chunks) if several else chunks[0]
        first = not reply.bytes_out
        if self._head is not None:
            head = self._begin(self._head, joined=True)
        full = reply.body(piece, chunks if several else ())
        # It is out: whatever else is to be done with it keeps nobody waiting.
        if first:
            self._ticket.first_byte()
        self._tap.feed(piece)
        if self._capture is not None:
            self._capture.feed(piece)
        if full is None and head is None:
            self.vigil.listening(reply.last_sent)
            return None
        self.vigil.heard()
        self._unsent, reply.held_up = (head, full), True
        return self

    async def wait(self) -> None:
        """For whoever pours: what was taken last is on its way. (A relay is a `Full`.)"""
        for sent in self._unsent:
            await done(sent)
        self._reply.held_up = False
        self.vigil.listening(self._now())

    async def _fitting(self, response: UpstreamResponse) -> Pour:
        """How the body is poured into a stream whose head is out. Raises `Refused` where it does
        not fit.
        """
        head = AnswerHead(response.headers)
        if not head.plain:
            text = f"the server of {self._lease.model} compressed its answer to a waiting client"
            raise Refused("upstream_failed", text)
        if not 200 <= response.status < 300:
            raise await as_refusal(self._lease.model, response.status, response.read)
        if self._streams(head):
            return response.pour
        return partial(pour_as_event, response.pour, self._framing)

    def _streams(self, head: AnswerHead) -> bool:
        """Is it the stream that was asked for?"""
        stream = self._framing.content_type
        return head.content_type[: len(stream)].lower() == stream and head.plain

    def _begin(
        self, head: AnswerHead, framing: Framing | None = None, *, joined: bool = False
    ) -> Full | None:
        """Send the server's head."""
        self._head, headers, lease = None, head.passed, self._lease
        headers += identity(self._ticket.id, lease.model)
        headers += waits(lease.queue_ms, lease.swap_ms)
        if framing is not None and not head.unbuffered:
            headers.append((b"x-accel-buffering", b"no"))
        length = None if self._bodiless else head.length
        return self._reply.head(self.status, headers, framing=framing, length=length, joined=joined)
