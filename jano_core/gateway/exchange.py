"""A request for a model, from the ticket to the last byte of its answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

from ..errors import Refused
from ..plugin.contracts import Caller
from ..runtime.ticket import Ending
from .body import Body, Content
from .call import Call, RawHeaders
from .destination import Destination
from .headers import identity, replaced, upward, waits
from .house import House, dialect_of
from .interruptible import Interruptible
from .relay import Relay
from .reply import Reply, done
from .signs import early_head, loading_text, waiting_text, working_text
from .vigil import Patience, Pulse, Vigil
from .watch import Watch

if TYPE_CHECKING:
    from ..runtime.ticket import Lease, Outcome, Ticket

LOADING_EVERY = 1.0
"""Seconds between looks at what a loading model is doing, for clients that are shown it."""

log = logging.getLogger("jano.gateway")


class Exchange:
    """One ticket's whole life, as its client sees it. `run` once, then it is over.

    A client that hangs up ends everything at once, waiting or streaming; so does a person who
    cancels the request. Whatever happens, the ticket is finished when `run` returns.
    """

    _relay: Relay | None = None
    """Whoever asks a server now, or asked the last one."""
    _gone = False

    def __init__(
        self,
        house: House,
        call: Call,
        caller: Caller,
        body: Body,
        destination: Destination,
        ticket: Ticket,
        watch: Watch,
    ) -> None:
        self._house = house
        self._watch = watch
        self._call = call
        self._caller = caller
        self._body = body
        self._destination = destination
        self._ticket = ticket
        self._reply = Reply(call.putter(), house.clock.now)
        captures = house.telemetry.captures
        self._capture = (
            captures.begin(ticket.id, call.path, call.headers, body.buffer)
            if captures.budget and ticket.id in house.dispatcher.tickets  # whose end will be told
            else None
        )
        self._scope = Interruptible()

    async def run(self) -> None:
        """Wait, ask, pass on; an error becomes the client's answer as far as one can be sent."""
        listening = self._watch.listen(self._call, self._hung_up)
        pulse = self._show_life() if self._destination.stream else None
        refused: Refused | None = None
        try:
            await self._served()
        except Refused as error:
            refused = error
            self._finish("failed", refused.status, refused.code, refused.message)
        except Exception as error:
            log.exception("request %s failed inside Jano", self._ticket.id)
            refused = Refused("internal_error", "an error inside Jano; see its log")
            self._finish("failed", refused.status, refused.code, repr(error))
        finally:
            listening()
            if pulse is not None:
                pulse.stop()
            if not self._ticket.ended:
                refused = self._cut_short()
        if refused is not None and not self._gone:
            headers = self._identity() + waits(*self._ticket.waited())
            dialect = dialect_of(self._house, self._destination.path)
            await self._reply.refuse(dialect, refused, headers)

    def _hung_up(self) -> None:
        # Some servers say so of everybody who has the last byte.
        if not self._reply.complete:
            self._gone = True
            self._scope.cancel()

    async def _served(self) -> None:
        """Returns once a whole answer was passed on, or when it was cut short. Raises `Refused`."""
        ticket, broken = self._ticket, ""
        while not self._gone:
            self._relay = None
            with self._scope as scope:
                ticket.scope = scope
                lease = ticket.current
                if broken or lease is None:
                    lease = await (ticket.again(broken) if broken else ticket.lease())
                asked = self._asked(lease)
                relay = self._relay = self._relayed_by(lease)
                await relay.run(self._call.method, *asked)
                if not relay.broken:
                    self._finish("served", relay.status)
                    return
                broken = relay.broken
            if scope.cancelled_caught and not (broken := self._given_up()):
                return
            if not self._reply.can_begin_again:
                raise Refused("upstream_failed", f"the server of {ticket.model} {broken}")
            self._scope = Interruptible()

    def _asked(self, lease: Lease) -> tuple[bytes, RawHeaders, Content]:
        """What the server is sent: target, headers, body."""
        call, destination = self._call, self._destination
        target = destination.prepare(call, self._body, lease.spec.upstream_model)
        headers = upward(call, self._caller.consumed, identity_only=self._reply.head_out)
        if trace := self._house.telemetry.onward(self._ticket.id):
            headers = replaced(headers, trace)
        return target, headers, self._body.outgoing()

    def _relayed_by(self, lease: Lease) -> Relay:
        house, framing = self._house, self._destination.framing
        patience = house.patience.get(lease.model)
        if patience is None:  # a reload has taken the model away from all but those who wait for it
            patience = Patience.of(house.config.server, self._destination.target.table)
        vigil = Vigil(patience, self._watch, house.clock.now(), self._scope)
        return Relay(house, self._ticket, lease, self._reply, framing, vigil, self._capture)

    def _given_up(self) -> str:
        """Why the scope was cancelled: how the server hung, or empty for any other reason.

        Raises `Refused` where the server was at work and took too long.
        """
        vigil = self._relay.vigil if self._relay is not None else None
        if self._gone or vigil is None or not vigil.missed:
            return ""
        model = self._ticket.model
        if vigil.overdue:
            raise Refused("upstream_timeout", f"the server of {model} gave {vigil.missed}")
        self._ticket.condemn(vigil.missed)
        return f"hung: {vigil.missed}"

    # -- signs of life, for a client that reads a stream of events

    def _show_life(self) -> Pulse | None:
        path = self._destination.path
        if self._destination.target.table.loading_state and path.endswith("/chat/completions"):
            self._watch.start(self._tell_of_loading)
        period = self._house.config.server.keepalive
        return Pulse(period, self._watch, self._reply, self._sign) if period else None

    async def _sign(self) -> None:
        if not self._asking:
            await self._ticket.look_ahead()
        if self._ticket.ended:
            return
        text = await working_text(self._ticket) if self._asking else waiting_text(self._ticket)
        await self._put_in(dialect_of(self._house, self._destination.path).keepalive(text))

    async def _tell_of_loading(self) -> None:
        dialect, told = dialect_of(self._house, self._destination.path), ""
        while not self._asking and not self._ticket.ended:
            await anyio.sleep(LOADING_EVERY)
            text = "" if self._ticket.ended else loading_text(self._ticket)
            if text != told and not self._asking:
                told = text
                if chunk := dialect.loading(text + "\n", self._destination.target.requested):
                    await self._put_in(chunk)

    async def _put_in(self, text: bytes) -> None:
        if self._reply.reserved or self._ticket.ended:
            return
        if not self._reply.head_out:
            framing = self._destination.framing
            head = early_head(framing.content_type, self._identity())
            await done(self._reply.head(200, head, framing=framing))
        await self._reply.sign_of_life(text)

    @property
    def _asking(self) -> bool:
        """A server was asked and is not known to have broken off."""
        return self._relay is not None

    def _identity(self) -> list[tuple[bytes, bytes]]:
        return identity(self._ticket.id, self._destination.target.model)

    # -- the end

    def _cut_short(self) -> Refused:
        """End the ticket of a client that left, or of a request that was cancelled."""
        if self._gone:
            why = Refused("request_cancelled", "the client is gone")
            self._finish("left", why.status)
            return why
        why = Refused("request_cancelled", "the request was cancelled")
        if self._house.dispatcher.steward.shutting_down:
            why = Refused("shutting_down", "Jano is shutting down", retry_after=1)
        self._finish("cancelled", why.status, why.code, why.message)
        return why

    def _finish(
        self,
        outcome: Outcome,
        status: int,
        code: str = "",
        error: str = "",
    ) -> None:
        relay, usage, content_type = self._relay, None, ""
        if relay is not None and outcome == "served":
            usage, content_type = relay.usage, relay.content_type
        bytes_in, bytes_out = len(self._body), self._reply.bytes_out
        self._ticket.finish(
            Ending(outcome, status, usage, bytes_in, bytes_out, error, code, content_type)
        )
