"""The outermost ASGI layer: knows the WebSockets that are open, so that they can be closed."""

from __future__ import annotations

from collections.abc import Awaitable

import anyio

from .http1.asgi import Application, Message, Receive, Scope, Send

_GOING_AWAY = 1001
_CLOSING_SECONDS = 1.0


class Doors:
    """Passes everything through and closes WebSockets with a code when told to."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._open: set[anyio.CancelScope] = set()
        self._emptied = anyio.Event()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection or request."""
        serve = self._serve_websocket if scope["type"] == "websocket" else self._inner
        return serve(scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        closed = False

        async def watched(message: Message) -> None:
            nonlocal closed
            closed = closed or message["type"] == "websocket.close"
            await send(message)

        life = anyio.CancelScope()
        self._open.add(life)
        try:
            with life:
                await self._inner(scope, receive, watched)
            if life.cancelled_caught and not closed:
                reason = "the router is shutting down"
                await send({"type": "websocket.close", "code": _GOING_AWAY, "reason": reason})
        finally:
            self._open.discard(life)
            if not self._open:
                self._emptied.set()

    async def close_websockets(self) -> None:
        """End every open WebSocket with code 1001; returns when they are closed, or after 1 s."""
        if not self._open:
            return
        self._emptied = anyio.Event()
        for life in tuple(self._open):
            life.cancel()
        with anyio.move_on_after(_CLOSING_SECONDS):
            await self._emptied.wait()
