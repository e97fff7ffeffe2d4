"""A request for a model, from the ticket to the last byte of its answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from ..errors import Refused, UpstreamError
from ..plugin.contracts import Caller, Dialect, Usage
from .body import Body
from .call import Call
from .destination import Destination
from .headers import identity, replaced, upward, waits
from .house import House
from .relay import Relay
from .reply import Reply
from .signs import early_head, loading_text, waiting_text, working_text
from .vigil import Patience, Vigil, Watch, keep_alive

if TYPE_CHECKING:
    from ..runtime.ticket import Lease, Outcome, Ticket

LOADING_EVERY = 1.0
"""Seconds between looks at what a loading model is doing, for clients that are shown it."""

log = logging.getLogger("jano.gateway")


class Exchange:
    """One ticket's whole life, as its client sees it. `run` once, then it is over.

    A watcher awaits `receive` all the while: a client that hangs up ends everything at once,
    waiting or streaming. Whatever happens, the ticket is finished when `run` returns.
    """

    def __init__(
        self,
        house: House,
        call: Call,
        dialect: Dialect,
        caller: Caller,
        body: Body,
        destination: Destination,
        ticket: Ticket,
        watch: Watch,
    ) -> None:
        self._house = house
        self._watch = watch
        self._call = call
        self._dialect = dialect
        self._caller = caller
        self._body = body
        self._destination = destination
        self._ticket = ticket
        self._reply = Reply(call.send, house.clock.now)
        self._identity = identity(ticket.id, destination.target.model)
        self._capture = house.telemetry.captures.begin(
            ticket.id, call.path, call.headers, body.buffer
        )
        self._gone = False
        self._serving = False

    async def run(self) -> None:
        """Wait, ask, pass on; an error becomes the client's answer as far as one can be sent."""
        answered = False
        async with anyio.create_task_group() as beside:
            self._ticket.scope = beside.cancel_scope
            beside.start_soon(self._watch_client, beside.cancel_scope)
            self._show_life(beside)
            try:
                await self._answer()
                answered = True
            finally:
                self._close()
            beside.cancel_scope.cancel()
        if not answered and not self._gone:
            await self._refuse(self._interruption())

    async def _watch_client(self, scope: anyio.CancelScope) -> None:
        message = await self._call.receive()
        # The body was read whole: anything but a disconnect means that the reply is complete.
        if message["type"] == "http.disconnect" and not self._reply.complete:
            self._gone = True
            scope.cancel()

    async def _answer(self) -> None:
        try:
            lease = await self._ticket.lease()
            while broken := await self._attempt(lease):
                if not self._reply.can_begin_again:
                    raise Refused("upstream_failed", f"the server of {lease.model} {broken}")
                lease = await self._ticket.again(broken)
        except Refused as refused:
            self._finish("failed", refused.status, code=refused.code, error=refused.message)
            await self._refuse(refused)
        except Exception as error:
            log.exception("request %s failed inside Jano", self._ticket.id)
            self._finish("failed", 500, code="internal_error", error=repr(error))
            await self._refuse(Refused("internal_error", "an error inside Jano; see its log"))

    async def _attempt(self, lease: Lease) -> str:
        """Empty once a whole answer was passed on, else how the server broke off."""
        method, name = self._call.method, lease.spec.upstream_model
        target = self._destination.prepare(self._call, self._body, name)
        length, content = self._body.outgoing()
        has_body = length > 0 or method in ("POST", "PUT", "PATCH")
        headers = upward(
            self._call.headers,
            self._caller.consumed,
            length if has_body else None,
            identity_only=self._reply.head_out,
        )
        if trace := self._house.telemetry.onward(self._ticket.id):
            headers = replaced(headers, trace)
        patience = Patience.of(self._house.config.server, self._destination.target.table)
        vigil = Vigil(patience, self._watch, self._house.clock.now)
        relay = Relay(
            self._ticket,
            lease,
            self._reply,
            vigil,
            self._destination.framing,
            self._house.normalizers,
            self._capture,
        )
        self._serving = True
        try:
            with vigil.scope:
                await relay.run(method, target, headers, content)
                self._finish(
                    "served", relay.status, usage=relay.usage, content_type=relay.content_type
                )
        except UpstreamError as error:
            return f"broke off: {error}"
        finally:
            self._serving = False
            vigil.end()
        if vigil.overdue:
            raise Refused("upstream_timeout", f"the server of {lease.model} gave {vigil.missed}")
        if vigil.missed:
            self._ticket.condemn(vigil.missed)
            return f"hung: {vigil.missed}"
        return ""

    def _show_life(self, beside: TaskGroup) -> None:
        """Signs of life, for a client that reads a stream of events."""
        if not self._destination.stream:
            return
        if period := self._house.config.server.keepalive:
            beside.start_soon(keep_alive, period, lambda: self._reply.last_sent, self._sign)
        path = self._destination.path
        if self._destination.target.table.loading_state and path.endswith("/chat/completions"):
            beside.start_soon(self._tell_of_loading)

    async def _sign(self) -> None:
        if not self._serving:
            await self._ticket.look_ahead()
        text = await working_text(self._ticket) if self._serving else waiting_text(self._ticket)
        await self._put_in(self._dialect.keepalive(text))

    async def _tell_of_loading(self) -> None:
        told = ""
        while not self._serving:
            await anyio.sleep(LOADING_EVERY)
            text = loading_text(self._ticket)
            if text != told and not self._serving:
                told = text
                if chunk := self._dialect.loading(text + "\n", self._destination.target.requested):
                    await self._put_in(chunk)

    async def _put_in(self, text: bytes) -> None:
        if self._reply.reserved:
            return
        if not self._reply.head_out:
            framing = self._destination.framing
            head = early_head(framing.content_type, self._identity)
            await self._reply.head(200, head, framing=framing)
        await self._reply.sign_of_life(text)

    async def _refuse(self, refused: Refused) -> None:
        headers = self._identity + waits(*self._ticket.waited())
        await self._reply.refuse(self._dialect, refused, headers)

    def _close(self) -> None:
        """The ticket's end, where `_answer` was cut short; otherwise it has ended already."""
        if self._gone:
            self._finish("left", 499)
        else:
            why = self._interruption()
            self._finish("cancelled", why.status, code=why.code, error=why.message)

    def _interruption(self) -> Refused:
        if self._house.dispatcher.steward.shutting_down:
            return Refused("shutting_down", "Jano is shutting down", retry_after=1)
        return Refused("request_cancelled", "the request was cancelled")

    def _finish(
        self,
        outcome: Outcome,
        status: int,
        *,
        usage: Usage | None = None,
        code: str = "",
        error: str = "",
        content_type: str = "",
    ) -> None:
        self._ticket.finish(
            outcome,
            status=status,
            usage=usage,
            bytes_in=len(self._body),
            bytes_out=self._reply.bytes_out,
            code=code,
            error=error,
            content_type=content_type,
        )
