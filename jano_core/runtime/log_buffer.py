"""The last output of a model server (or of the router), for people and error messages."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectSendStream

BACKLOG = 256
"""Chunks that a reader may fall behind before it misses some."""


class LogBuffer:
    """A ring of text, measured in bytes of UTF-8, with any number of live readers.

    Writing never waits: a reader that is too slow is told how much it missed.
    """

    def __init__(self, limit_bytes: int = 102400) -> None:
        self.listener: Callable[[str], None] | None = None
        """Called with every text as it is written."""
        self._limit = limit_bytes
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._readers: dict[MemoryObjectSendStream[str], int] = {}

    def write(self, text: str) -> None:
        """Add text as it comes; it need not end at a line."""
        if not text:
            return
        if self.listener is not None:
            self.listener(text)
        chunk = text.encode(errors="replace")
        self._chunks.append(chunk[-self._limit :])
        self._size += len(self._chunks[-1])
        while self._size - len(self._chunks[0]) >= self._limit:
            self._size -= len(self._chunks.popleft())
        for reader, missed in self._readers.items():
            notice = f"\n[{missed} characters missed]\n" if missed else ""
            try:
                reader.send_nowait(notice + text)
            except anyio.WouldBlock:
                self._readers[reader] = missed + len(text)
            else:
                self._readers[reader] = 0

    def history(self) -> str:
        """All that is kept, oldest first, at most the limit."""
        kept = b"".join(self._chunks)[-self._limit :]
        return kept.decode(errors="ignore")

    def tail(self, lines: int) -> str:
        """The last lines."""
        return "\n".join(self.history().splitlines()[-lines:])

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[str]]:
        """What is written from now on, for as long as the context is open."""
        send, receive = anyio.create_memory_object_stream[str](BACKLOG)
        self._readers[send] = 0
        try:
            with send, receive:
                yield receive
        finally:
            del self._readers[send]
