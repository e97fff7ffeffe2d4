"""The last output of a model server (or of the router), for people and error messages."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectSendStream

BACKLOG = 256
"""Chunks that a reader may fall behind before it misses some."""


LINES = 2048
"""Lines that may wait to be put into words, of which more would fill a buffer of the usual size."""


class LogBuffer:
    """A ring of text, measured in bytes of UTF-8, with any number of live readers.

    Writing never waits: a reader that is too slow is told how much it missed.
    """

    def __init__(
        self,
        limit_bytes: int = 102400,
        *,
        refresh: Callable[[], object] | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        """`refresh` is called before somebody reads: it adds what is still on its way. `redact`
        takes secrets out of what is written.
        """
        self._redact = redact
        self._refresh = refresh
        self.listener: Callable[[object], None] | None = None
        """Called with every text as it is written, and with every line as it is added."""
        self._limit = limit_bytes
        self._lines: deque[object] = deque(maxlen=LINES)
        """What was added after all chunks and nobody has read."""
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._readers: dict[MemoryObjectSendStream[str], int] = {}

    def write(self, text: str) -> None:
        """Add text as it comes; it need not end at a line."""
        if not text:
            return
        text = self._redact(text)
        if self.listener is not None:
            self.listener(text)
        self._take_lines()
        self._keep(text)
        self._tell(text)

    def add(self, lines: Sequence[object]) -> None:
        """Add what are texts once `str` asks, which is when somebody reads."""
        if self._readers:
            for line in lines:
                self.write(str(line))
            return
        if self.listener is not None:
            for line in lines:
                self.listener(line)
        self._lines.extend(lines)

    def _take_lines(self) -> None:
        if len(self._lines) == LINES:  # there may have been more, between them and the chunks
            self._chunks.clear()
            self._size = 0
        while self._lines:
            self._keep(str(self._lines.popleft()))

    def _keep(self, text: str) -> None:
        chunk = text.encode(errors="replace")
        self._chunks.append(chunk[-self._limit :])
        self._size += len(self._chunks[-1])
        while self._size - len(self._chunks[0]) >= self._limit:
            self._size -= len(self._chunks.popleft())

    def _tell(self, text: str) -> None:
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
        if self._refresh is not None:
            self._refresh()
        self._take_lines()
        kept = b"".join(self._chunks)[-self._limit :]
        return kept.decode(errors="ignore")

    def tail(self, lines: int) -> str:
        """The last lines."""
        return "\n".join(self.history().splitlines()[-lines:])

    def close(self) -> None:
        """End what readers get, once they have had what is written already."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[str]]:
        """What is written from now on, for as long as the context is open and until `close`."""
        if self._refresh is not None:
            self._refresh()
        send, receive = anyio.create_memory_object_stream[str](BACKLOG)
        self._readers[send] = 0
        try:
            with send, receive:
                yield receive
        finally:
            self._readers.pop(send, None)
