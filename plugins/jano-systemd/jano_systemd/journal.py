"""A unit's output as it comes from the journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import anyio

from jano_core.toolbox import LineReader, follow


class Journal:
    """What a unit has written to the journal, from the moment this object was made."""

    def __init__(self, unit: str, scope: str, sink: Callable[[str], None]) -> None:
        which = f"--{'user-' if scope == 'user' else ''}unit={unit}"
        self._command = ["journalctl", which, "--follow", "--output=json", "--quiet"]
        self._place = [f"--since=@{time.time():.6f}", "--no-tail"]
        self._sink = sink

    async def pump(self) -> None:
        """Run until cancelled; called again it goes on where it was."""
        lines = LineReader(self._take)
        await follow(*self._command, *self._place, output=lines.feed)
        await anyio.sleep_forever()  # there is no journal here

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._place = [f"--after-cursor={entry['__CURSOR']}", "--no-tail"]
            message = entry["MESSAGE"]
        except (ValueError, KeyError, TypeError):
            return
        # What is not text comes as a list of bytes, what is too long as null.
        text = bytes(message).decode(errors="replace") if isinstance(message, list) else message
        self._sink(f"{text or ''}\n")
