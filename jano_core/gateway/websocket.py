"""A WebSocket to a model's server: a ticket like any other, held while the socket is open."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Container
from functools import partial
from typing import TYPE_CHECKING

import anyio

from ..errors import Refused, UpstreamError
from ..plugin.contracts import Caller
from ..runtime.ticket import Ending
from ..runtime.websocket import Closed, WebSocket, connect
from .admission import admitted
from .body import Body
from .call import Call, Message
from .destination import by_path, leads_to_model, spoken_path
from .headers import replaced, upward
from .house import House, admit, dialect_of
from .origins import guard
from .reply import send_refusal

if TYPE_CHECKING:
    from ..runtime.ticket import Lease, Ticket

GOING_AWAY, REFUSED, BROKEN, TRY_LATER = 1001, 1008, 1011, 1013
REFUSABLE = "websocket.http.response"
"""The extension of ASGI by which a WebSocket is refused with a whole answer."""
SENDABLE = {1005: 1000, 1006: BROKEN, 1015: BROKEN}
"""Codes that only say how an end looked (no code, no close frame, no TLS), and what to send on."""

log = logging.getLogger("jano.gateway")


async def serve_websocket(house: House, call: Call, extensions: Container[str]) -> None:
    """Serve one. Before it is open, a refusal is an error as on any other path where the server's
    `extensions` allow it, else the server's 403; later ones are a close code.
    """
    await call.receive()  # websocket.connect

    async def refuse(code: int, refused: Refused) -> None:
        if REFUSABLE in extensions:
            dialect = dialect_of(house, spoken_path(call))
            await send_refusal(partial(_instead, call), dialect, refused)
        else:
            await _close(call, code, refused.message)

    try:
        guard(house.config, call, changes=True)
        caller = admit(house, call, "infer")
        destination = by_path(house, call, Body(b"")) if leads_to_model(house, call) else None
        if destination is None:
            raise Refused("not_found", f"no WebSocket at {call.path}")
        async with admitted(house, call, caller, destination) as ticket:
            await Passage(house, call, caller, destination.raw_target, ticket, refuse).run()
    except Refused as refused:  # later ones stay inside the passage
        await refuse(REFUSED, refused)


class Passage:
    """One WebSocket's whole life: waiting for its server, then messages both ways."""

    def __init__(
        self,
        house: House,
        call: Call,
        caller: Caller,
        target: bytes,
        ticket: Ticket,
        refuse: Callable[[int, Refused], Awaitable[None]],
    ) -> None:
        self._house = house
        self._call = call
        self._caller = caller
        self._target = target
        self._ticket = ticket
        self._refuse = refuse
        self._open = False
        self._gone: int | None = None
        """The close code that the client sent, once it has."""

    async def run(self) -> None:
        """Returns when both sides are closed."""
        ticket = self._ticket
        with anyio.CancelScope() as scope:
            ticket.scope = scope
            try:
                if (lease := await self._wait()) is not None:
                    await self._connect(lease)
                    ticket.finish(Ending("served", 101))
            except Refused as refused:
                ticket.finish(Ending("failed", refused.status, code=refused.code))
                await self._end(TRY_LATER, refused)
            except UpstreamError as error:
                ticket.finish(Ending("failed", 502, error=str(error), code="upstream_failed"))
                await self._end(BROKEN, Refused("upstream_failed", str(error)))
            finally:
                left = self._gone is not None
                ticket.finish(Ending("left" if left else "cancelled", 499))
        if scope.cancelled_caught and self._gone is None:
            await self._end(GOING_AWAY, Refused("request_cancelled", "the request was cancelled"))

    async def _end(self, code: int, refused: Refused) -> None:
        if self._open:
            await _close(self._call, code, refused.message)
        else:
            await self._refuse(code, refused)

    async def _wait(self) -> Lease | None:
        """The lease, or None if the client is gone before; raises `Refused`."""
        lease: Lease | None = None
        problem: Refused | None = None
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._watch, beside.cancel_scope)
            try:
                lease = await self._ticket.lease()
            except Refused as refused:
                problem = refused
            beside.cancel_scope.cancel()
        if problem is not None:
            raise problem
        return None if self._gone is not None else lease

    async def _watch(self, scope: anyio.CancelScope) -> None:
        message = await self._call.receive()
        self._gone = message.get("code", GOING_AWAY)
        scope.cancel()

    async def _connect(self, lease: Lease) -> None:
        headers = upward(self._call, self._caller.consumed, identity_only=False)
        headers = replaced(headers, self._house.telemetry.onward(self._ticket.id))
        subprotocols = self._call.subprotocols
        async with connect(lease.upstream.url, self._target, headers, subprotocols) as socket:
            accept = {"type": "websocket.accept", "subprotocol": socket.subprotocol or None}
            self._open = True
            await self._call.send(accept)
            self._ticket.first_byte()
            async with anyio.create_task_group() as both:
                both.start_soon(self._upwards, socket, both.cancel_scope)
                closed = await self._downwards(socket)
                both.cancel_scope.cancel()
            # Only now: granian does not close a socket that somebody still receives from.
            if self._gone is not None:
                await socket.close(SENDABLE.get(self._gone, self._gone))
            else:
                await _close(self._call, SENDABLE.get(closed.code, closed.code), closed.reason)

    async def _upwards(self, socket: WebSocket, scope: anyio.CancelScope) -> None:
        while (message := await self._call.receive())["type"] == "websocket.receive":
            text = message.get("text")
            try:
                await socket.send(text if text is not None else message["bytes"])
            except Closed:
                return  # the other direction reads why
        self._gone = message.get("code", GOING_AWAY)
        scope.cancel()

    async def _downwards(self, socket: WebSocket) -> Closed:
        while True:
            try:
                message = await socket.receive()
            except Closed as closed:
                return closed
            kind = "text" if isinstance(message, str) else "bytes"
            await self._call.send({"type": "websocket.send", kind: message})


async def _instead(call: Call, message: Message) -> None:
    """Part of an answer that is no WebSocket."""
    await call.send({**message, "type": f"websocket.{message['type']}"})


async def _close(call: Call, code: int, reason: str) -> None:
    cut = reason.encode()[:120].decode(errors="ignore")  # a close frame holds 123 bytes of it
    await call.send({"type": "websocket.close", "code": code, "reason": cut})
