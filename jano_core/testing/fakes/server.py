"""What all fakes have in common: a port, pages, memory, and ways to fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import msgspec
from msgspec import Struct

from .memory import Memory

Answer = tuple[int, Any]
Page = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class Ways(Struct, frozen=True, kw_only=True):
    """How a server behaves; times in seconds. By default it is honest and quick.

    `load_s` a load takes. `late_s`: an order is answered with 200 so long before it has any
    effect. `frees_s`: memory comes back so long after the model is gone from the server's list.
    `never_ready`, `dies_in_load`, `hangs_in_unload` are what they say.
    """

    load_s: float = 1.0
    late_s: float = 0.0
    frees_s: float = 0.0
    never_ready: bool = False
    dies_in_load: bool = False
    hangs_in_unload: bool = False


class FakeServer:
    """One server. Subclasses give `pages`: (method, path) → what answers.

    `asked` lists every path in order, `served` the models that requests were served with, `early`
    those asked for while they could not be served.
    """

    def __init__(self, memory: Memory, ways: Ways | None = None) -> None:
        self.memory = memory
        self.ways = ways or Ways()
        self.up = True
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.served: list[str] = []
        self.early: list[str] = []
        self.active = 0

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """Every page of the server."""
        raise NotImplementedError

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or break its connection."""
        raw = await request.aread()
        body = msgspec.json.decode(raw) if raw.startswith(b"{") else {}
        path, query = request.url.path, dict(request.url.params)
        status, answer = await self.answer(request.method, path, query, body)
        return httpx.Response(status, content=encoded(answer))

    async def answer(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Answer:
        """Status and JSON, or a text. Raises `httpx.TransportError` where the connection breaks."""
        await anyio.lowlevel.checkpoint()
        if not self.up:
            raise httpx.ConnectError("connection refused")
        self.asked.append(f"{method} {path}")
        self.bodies.append(body)
        page = self.pages.get((method, path))
        if page is None:
            return 404, {"error": "not found"}
        answer = await page({**query, **body})
        if not self.up:
            raise httpx.ReadError("connection lost")
        return answer

    def start(self) -> None:
        """The process starts; servers with one model begin to load it."""

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request that is being worked on."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def loading(self, model: str) -> None:
        """Take memory and the load's time, or die of it."""
        self.memory.take(model)
        try:
            await anyio.sleep(self.ways.load_s)
        except BaseException:
            self.memory.give(model)
            raise
        if self.ways.dies_in_load:
            self.memory.give(model)
            self.up = False

    async def unloading(self) -> None:
        """What an order to unload takes; for ever if it hangs."""
        if self.ways.hangs_in_unload:
            await anyio.sleep_forever()

    def free(self, model: str) -> None:
        """The model is off the list; its memory follows."""
        self.memory.give(model, self.ways.frees_s)

    async def chat(self, asked: Mapping[str, Any]) -> Answer:
        """`/v1/chat/completions` of a model that must be servable."""
        model = asked.get("model", "")
        if not self.servable(model):
            self.early.append(model)
            return 503, {"error": {"message": f"{model} is not loaded"}}
        with self.at_work():
            self.served.append(model)
            await anyio.sleep(0.1)
        message = {"role": "assistant", "content": f"I am {model}."}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {"object": "chat.completion", "model": model, "choices": [choice],
                     "usage": usage}  # fmt: skip

    def servable(self, model: str) -> bool:
        """Whether a request for it is answered well now."""
        raise NotImplementedError


class Later(Struct):
    """A value that changes at times to come: what a server lists, as opposed to what it said."""

    changes: list[tuple[float, Any]]

    @classmethod
    def of(cls, value: Any) -> Later:
        """A value from the beginning on."""
        return cls([(float("-inf"), value)])

    def set(self, value: Any, after: float = 0.0) -> None:
        """It will be `value`, `after` seconds from now."""
        at = anyio.current_time() + after
        self.changes = [each for each in self.changes if each[0] < at]
        self.changes.append((at, value))

    @property
    def now(self) -> Any:
        """What it is."""
        now = anyio.current_time()
        return next(value for at, value in reversed(self.changes) if at <= now)


def encoded(answer: Any) -> bytes:
    """A text as it is, anything else as JSON."""
    return answer.encode() if isinstance(answer, str) else msgspec.json.encode(answer)


class FakeBox(httpx.AsyncBaseTransport):
    """The network between Jano and fakes, which are told apart by port."""

    def __init__(self, servers: Mapping[int, FakeServer]) -> None:
        self.servers = servers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        server = self.servers.get(request.url.port or 80)
        if server is None:
            raise httpx.ConnectError("connection refused", request=request)
        return await server.handle(request)
