"""The model itself: it loads, has slots, makes tokens at its rate, and fails when told to."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .book import Book
from .http import Request
from .options import Options

_WORDS = (
    "the",
    "gate",
    "has",
    "two",
    "faces",
    "and",
    "one",
    "key",
    "so",
    "all",
    "wait",
    "in",
    "turn",
)
_PAGE = 4096
DEATH = 9
"""Exit status of a server that was told to die."""


class Failing(Exception):
    """This request is to be answered with an HTTP error; args are status and message."""


class Work:
    """One request being worked on: how long its answer is and how fast it comes."""

    def __init__(self, number: int, slot: int, body: dict[str, Any], options: Options) -> None:
        orders = body.get("simulate") or {}
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        limit = limit or body.get("max_output_tokens") or body.get("n_predict")
        wanted = int(orders.get("tokens", options.tokens))
        self.number = number
        self.slot = slot
        self.tokens = min(wanted, limit) if isinstance(limit, int) and limit > 0 else wanted
        self.cut_short = self.tokens < wanted
        self.rate = float(orders.get("rate", options.rate))
        self.first_token = float(orders.get("first_token", options.first_token))
        self.silence_after = int(orders.get("silence_after", options.silence_after))
        self.hang = bool(orders.get("hang", options.hang))
        self.die_mid_stream = bool(orders.get("die_mid_stream", options.die_mid_stream))
        self.status = int(orders.get("status", 0))
        self.prompt_tokens = _count(body)
        self.sent = 0
        self.began = time.perf_counter()

    def text(self) -> str:
        """The whole answer."""
        return "".join(_token(place) for place in range(self.tokens))

    def timings(self) -> dict[str, float]:
        """llama.cpp's `timings`, measured."""
        spent = max((time.perf_counter() - self.began) * 1000, 0.001)
        thinking = min(self.first_token * 1000 or 0.1, spent)
        talking = max(spent - thinking, 0.001)
        return {
            "cache_n": 0,
            "prompt_n": self.prompt_tokens,
            "prompt_ms": round(thinking, 3),
            "prompt_per_token_ms": round(thinking / self.prompt_tokens, 3),
            "prompt_per_second": round(self.prompt_tokens / thinking * 1000, 3),
            "predicted_n": self.sent,
            "predicted_ms": round(talking, 3),
            "predicted_per_token_ms": round(talking / max(self.sent, 1), 3),
            "predicted_per_second": round(self.sent / talking * 1000, 3),
        }


class Engine:
    """State shared by all requests."""

    def __init__(self, options: Options, book: Book) -> None:
        self.options = options
        self.book = book
        self.loaded = False
        self.active: dict[int, Work] = {}
        self._slots = asyncio.Semaphore(options.parallel)
        self._numbers = itertools.count(1)
        self._served = 0
        self._weights = bytearray()

    @property
    def healthy(self) -> bool:
        """What the health endpoint claims."""
        return self.loaded or self.options.lie_ready

    async def load(self) -> None:
        """Take the load time and the memory; ends the process where the load is to fail."""
        self._weights = bytearray(self.options.memory)
        # Untouched pages would not count as memory.
        self._weights[::_PAGE] = b"\1" * len(range(0, self.options.memory, _PAGE))
        await asyncio.sleep(self.options.load)
        if self.options.fail_load is not None:
            print("error: failed to load model: simulated failure", file=sys.stderr, flush=True)
            self.die(self.options.fail_load)
        if self.options.never_ready:
            await asyncio.Event().wait()
        self.loaded = True
        self.book.enter("ready")
        print(f"{self.options.name}: model loaded, {self.options.parallel} slots", flush=True)

    @asynccontextmanager
    async def work(self, request: Request, body: dict[str, Any]) -> AsyncIterator[Work]:
        """Enter the request in the books, wait for a slot, and hold it.

        Raises `Failing` where this request is to be answered with an error.
        """
        number = next(self._numbers)
        facts = {
            "id": number,
            "path": request.path,
            "model": body.get("model"),
            "user": body.get("user"),
            "stream": bool(body.get("stream")),
        }
        self.book.enter("request", **facts, active=len(self.active))
        work = None
        try:
            if not self.loaded:
                raise Failing(503, "Loading model")
            async with self._slots:
                work = self._begin(number, body)
                self.book.enter("begin", id=number, slot=work.slot, user=body.get("user"))
                try:
                    await self._misbehave(work)
                    yield work
                finally:
                    del self.active[work.slot]
        except asyncio.CancelledError:
            self.book.enter("cancelled", id=number, sent=work.sent if work else 0)
            raise
        except Failing as failing:
            self.book.enter("end", id=number, status=failing.args[0], sent=0)
            raise
        self.book.enter("end", id=number, status=200, sent=work.sent)
        self._served += 1
        if self._served == self.options.die_after:
            self.die(DEATH)

    async def tokens(self, work: Work, *, streamed: bool = False) -> AsyncIterator[str]:
        """The answer's tokens, each when it is due."""
        due = asyncio.get_running_loop().time() + work.first_token
        for place in range(work.tokens):
            if work.silence_after and place == work.silence_after:
                await asyncio.Event().wait()
            if work.die_mid_stream and streamed and place >= work.tokens // 2:
                self.die(DEATH)
            due += 1 / work.rate if work.rate else 0
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            work.sent += 1
            yield _token(place)

    async def whole(self, work: Work) -> str:
        """The same answer in one piece, when its last token is due."""
        return "".join([token async for token in self.tokens(work)])

    def die(self, status: int) -> None:
        """End the process on the spot, as a crash does: nothing is finished or closed."""
        self.book.enter("died", status=status)
        os._exit(status)

    def _begin(self, number: int, body: dict[str, Any]) -> Work:
        slot = next(slot for slot in itertools.count() if slot not in self.active)
        self.active[slot] = work = Work(number, slot, body, self.options)
        return work

    async def _misbehave(self, work: Work) -> None:
        share = self.options.fail_rate
        # Not random: with a share of 0.25 it is every fourth request.
        if int(work.number * share) != int((work.number - 1) * share):
            raise Failing(500, "simulated failure")
        if work.status:
            raise Failing(work.status, "simulated failure")
        if work.hang:
            await asyncio.Event().wait()


def _token(place: int) -> str:
    return ("" if place == 0 else " ") + _WORDS[place % len(_WORDS)]


def _count(body: dict[str, Any]) -> int:
    """Words of the prompt, wherever it is; at least one."""
    parts = [body.get(key) for key in ("messages", "prompt", "input", "system", "query")]
    return max(1, sum(len(str(part).split()) for part in parts if part))
