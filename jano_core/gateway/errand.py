"""A call to Jano itself: small, answered at once or watched over until it is."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import msgspec

from ..config.schema import ModelTable
from ..errors import Refused
from ..plugin.contracts import Caller
from .body import IN_MEMORY, read_body
from .call import Call, RawHeaders
from .destination import unknown_model
from .framing import EVENTS
from .house import House
from .memory import Room
from .reply import Reply, done, send_whole
from .vigil import Pulse
from .watch import Watch

BODY_LIMIT = IN_MEMORY


class Errand:
    """One such call. `argument` is what the path names (a model, a request), decoded."""

    def __init__(
        self, house: House, call: Call, caller: Caller, argument: str, watch: Watch
    ) -> None:
        self.house = house
        self.call = call
        self._watch = watch
        self.caller = caller
        self.argument = argument
        self.body = b""

    async def read(self) -> None:
        """Read the body; raises `Refused` past a MiB, and `ClientGone`."""
        self.body = bytes((await read_body(self.call, BODY_LIMIT, Room(0))).buffer)

    async def attended(self, handler: Callable[[Errand], Awaitable[None]]) -> None:
        """Run the handler, but only as long as its client is there. Raises what it raises."""
        scope = anyio.CancelScope()
        listening = self._watch.listen(self.call, scope.cancel)
        try:
            with scope:
                await handler(self)
        finally:
            listening()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty for an empty body; raises `Refused`."""
        if not self.body.strip():
            return {}
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("invalid_json", f"the body must be a JSON object: {error}")

    def model(self, name: str = "") -> tuple[str, ModelTable]:
        """The model that the path (or `name`) means; raises `Refused`."""
        target = self.house.catalog.find(name or self.argument)
        if target is None:
            raise unknown_model(self.house, name or self.argument)
        return target.model, target.table

    async def send_json(self, value: object, status: int = 200) -> None:
        """Answer with JSON."""
        await send_whole(self.call.send, status, "application/json", msgspec.json.encode(value))

    async def send_text(self, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        """Answer with text."""
        await send_whole(self.call.send, 200, content_type, text.encode(errors="replace"))

    async def redirect(self, location: str, status: int = 302) -> None:
        """Answer with another address."""
        headers: RawHeaders = [(b"location", location.encode("latin-1"))]
        await send_whole(self.call.send, status, "text/plain", b"", headers)

    async def send_stream(
        self, chunks: AsyncIterable[bytes], content_type: str, sign: bytes = b""
    ) -> None:
        """Answer without end; `sign` is sent as a sign of life, between events. Who asked with HEAD
        wants no more than the head.
        """
        reply = Reply(self.call.putter(), self.house.clock.now)
        head = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache")]
        head.append((b"x-accel-buffering", b"no"))
        await done(reply.head(200, head, framing=EVENTS if sign else None))
        if self.call.method == "HEAD":
            await reply.end()
            return
        period = self.house.config.server.keepalive
        say = partial(reply.sign_of_life, sign)
        pulse = Pulse(period, self._watch, reply, say) if sign and period else None
        try:
            async for chunk in chunks:
                await done(reply.body(chunk))
        finally:
            if pulse is not None:
                pulse.stop()
        await reply.end()
