"""A model server that exists only as its answers, and a backend before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import anyio
import msgspec

from ..errors import UpstreamError
from ..plugin.contracts import Backend, Description
from ..plugin.server import Reply, Server, ServerSpec
from ..runtime.readiness import until_ready


class StandIn(ABC):
    """A model server that exists only as its answers. Subclass it and give it `answer`.

    `load_s`: virtual seconds from `begin` until `loaded`. `book` lists what it was asked.
    """

    model: ClassVar[str] = "chat"
    load_s: float = 5.0

    def __init__(self) -> None:
        self.book: list[str] = []
        self._since: float | None = None

    @abstractmethod
    async def answer(self, method: str, path: str, body: Any) -> Reply:
        """What it says to one request; it may take virtual time, and take note of the request."""

    @property
    def loads_at_start(self) -> bool:
        """Does the load begin with the process? Otherwise `answer` must call `begin` when asked."""
        return True

    @property
    def loaded(self) -> bool:
        """Is the model in memory and able to answer?"""
        return self._since is not None and anyio.current_time() >= self._since + self.load_s

    def begin(self) -> None:
        """The load begins now, unless it has begun."""
        if self._since is None:
            self._since = anyio.current_time()

    def unload(self) -> None:
        """The model is out of memory."""
        self._since = None

    @staticmethod
    def json(document: object, status: int = 200) -> Reply:
        """An answer in JSON."""
        headers = {"content-type": "application/json"}
        return Reply(status, msgspec.json.encode(document), headers)


class Line:
    """The `Http` between a backend and its stand-in, which can be cut."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.headers: dict[str, str] = {}
        self.odd: Reply | None = None
        """The answer to everything, in the place of the stand-in's own."""
        self.cut = False
        self.silent = False

    async def get(self, path: str, *, timeout: float = 2.0) -> Reply:
        """See `plugin.server.Http`."""
        return await self._ask("GET", path, None, timeout)

    async def post(self, path: str, body: object = None, *, timeout: float = 30.0) -> Reply:
        """See `plugin.server.Http`."""
        return await self._ask("POST", path, body, timeout)

    async def _ask(self, method: str, path: str, body: object, timeout: float) -> Reply:
        if self.cut:
            raise UpstreamError("connection refused")
        self.server.book.append(f"{method} {path}")
        with anyio.move_on_after(timeout):
            if self.silent:
                await anyio.sleep_forever()
            if self.odd is not None:
                return self.odd
            return await self.server.answer(method, path, body)
        raise UpstreamError(f"no answer in {timeout:g} s")


class Scene:
    """A backend before its stand-in."""

    def __init__(self, backend: type[Backend], server: StandIn, spec: ServerSpec) -> None:
        self.stand_in = server
        self.line = Line(server)
        self.log: list[str] = []
        self.progress: list[tuple[float | None, str]] = []
        self.server = Server(
            backend.prepare(spec),
            http=self.line,
            log=self.log.append,
            progress=lambda fraction, note: self.progress.append((fraction, note)),
        )
        self.server.url = self.server.url or "http://127.0.0.1:9"
        self.backend = backend(self.server)

    async def bring_up(self) -> Description:
        """What a supervisor does between the start of the process and the first request."""
        if self.stand_in.loads_at_start:
            self.stand_in.begin()
        with anyio.fail_after(60 + self.stand_in.load_s):
            await self.backend.load()
            await until_ready(self.backend.ready, 0.02)
            return await self.backend.describe()
