"""The gateway: every call comes in here and leaves with an answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import partial

from anyio.abc import TaskStatus

from ..errors import Refused
from ..plugin.contracts import Caller, Dialect
from . import foreign, routes
from .admission import admitted
from .body import arrived_body, discard, read_body
from .call import Call, ClientGone, RawHeaders, Receive, Scope, Send, join_target
from .destination import by_name, by_path, leads_to_model, spoken_path
from .errand import Errand
from .exchange import Exchange
from .house import House, admit, dialect_of
from .memory import Room, keep_some
from .origins import cors_headers, guard, preflight_headers
from .reply import send_refusal, send_whole
from .submit import submit
from .watch import Watch
from .websocket import serve_websocket

log = logging.getLogger("jano.gateway")


class Gateway:
    """A raw ASGI application over the house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._watch = Watch()
        self._room = Room()
        keep_some()

    async def keep_watch(self, *, task_status: TaskStatus[None]) -> None:
        """Runs beside the calls, for ever: gives up model servers that stay silent."""
        await self._watch.keep(task_status=task_status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; returns when it is over, answered or given up by its client."""
        call = Call(scope, receive, send)
        if scope["type"] == "websocket":
            await serve_websocket(self._house, call, scope.get("extensions") or ())
            return
        try:
            if b"origin" in call.fields:
                call.cors = cors_headers(self._house.config, call)
            if (to_model := routes.TO_MODEL.get((call.method, call.path))) is not None:
                await self._serve_model(call, to_model.path)
            elif call.method != "OPTIONS" or not await self._tell_allowed(call):
                await self._serve(call)
        except ClientGone:
            return
        except Refused as refused:
            await self._refuse(call, refused)
        except Exception:
            log.exception("%s %s failed inside Jano", call.method, call.path)
            if not call.answered:
                await self._refuse(call, Refused("internal_error", "an error inside Jano"))

    def _serve(self, call: Call) -> Awaitable[None]:
        route, argument = routes.find(call.method, call.path) or (None, "")
        if isinstance(route, routes.ModelRoute):
            return self._serve_model(call, route.path)
        if route is not None:
            return self._serve_errand(call, route, argument)
        if (own := foreign.find(self._house, call.method, call.path)) is None:
            return self._serve_path(call)
        if own.to_model:
            return self._serve_foreign(call, own.dialect)
        page = partial(foreign.show_page, dialect=own.dialect)
        return self._serve_errand(call, routes.Route(page, "infer"), "")

    async def _serve_errand(self, call: Call, route: routes.Route, argument: str) -> None:
        guard(self._house.config, call, changes=route.changes)
        caller = admit(self._house, call, route.access) if route.access else Caller()
        errand = Errand(self._house, call, caller, argument, self._watch)
        await errand.read()
        await errand.attended(route.handler)

    async def _serve_model(self, call: Call, path: str) -> None:
        """A model's call that names it in the body or the query; its server sees `path`."""
        house = self._house
        guard(house.config, call, changes=False)
        caller = admit(house, call, "infer")
        limit = house.config.server.max_body
        if (body := arrived_body(call, limit)) is None:
            body = await read_body(call, limit, self._room)
        try:
            destination = by_name(house, call, body, path)
            ticket = submit(house, call, caller, destination)
            await Exchange(house, call, caller, body, destination, ticket, self._watch).run()
        finally:
            body.close()

    async def _serve_path(self, call: Call) -> None:
        """A model's call that names it by its path, if any does."""
        house = self._house
        if not leads_to_model(house, call):
            raise Refused("not_found", f"no route for {call.method} {call.path}")
        guard(house.config, call, changes=False)
        caller = admit(house, call, "infer")
        body = await read_body(call, house.config.server.max_body, self._room)
        try:
            destination = by_path(house, call, body)
            if destination is None:
                await _add_slash(call)
                return
            async with admitted(house, call, caller, destination) as ticket:
                await Exchange(house, call, caller, body, destination, ticket, self._watch).run()
        finally:
            body.close()

    async def _serve_foreign(self, call: Call, dialect: Dialect) -> None:
        house = self._house
        guard(house.config, call, changes=False)
        caller = admit(house, call, "infer")
        body = await read_body(call, house.config.server.max_body, self._room)
        try:
            inner, content, destination = foreign.destined(house, call, body, dialect)
            ticket = submit(house, inner, caller, destination)
            exchange = Exchange(house, inner, caller, content, destination, ticket, self._watch)
            await exchange.run()
        finally:
            body.close()

    async def _tell_allowed(self, call: Call) -> bool:
        """Answer OPTIONS; False where it is a model server's business."""
        asks_first = bool(call.field(b"access-control-request-method"))
        if not asks_first and leads_to_model(self._house, call):
            return False
        headers = preflight_headers(self._house.config, call)
        await call.send({"type": "http.response.start", "status": 204, "headers": headers})
        await call.send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _refuse(self, call: Call, refused: Refused) -> None:
        headers: RawHeaders = []
        if refused.status == 405:
            allowed: object = refused.extra["allowed"]
            assert isinstance(allowed, list)
            headers.append((b"allow", ", ".join(allowed).encode()))
        if refused.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="jano"'))
        linger = partial(discard, call) if refused.status == 413 else None
        dialect = dialect_of(self._house, spoken_path(call))
        await send_refusal(call.send, dialect, refused, headers, linger)


async def _add_slash(call: Call) -> None:
    """Lead to `/upstream/{model}/`, where relative links of the server's own pages work."""
    status = 301 if call.method in ("GET", "HEAD") else 308
    location = join_target(call.raw_path + b"/", call.query)
    await send_whole(call.send, status, "text/plain", b"", [(b"location", location)])
