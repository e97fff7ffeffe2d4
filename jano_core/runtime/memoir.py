"""What was learned about this box, kept over restarts in the state folder."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import msgspec

from ..scheduler.estimates import Learned
from ..scheduler.scheduler import Scheduler
from ..telemetry.facts import Facts

FILE = "estimates.json"
EVERY_S = 30.0

log = logging.getLogger("jano.memoir")


class Memoir:
    """One JSON file, replaced as a whole when something changed, at most every half minute."""

    def __init__(self, folder: Path, scheduler: Scheduler, facts: Facts) -> None:
        self._path = folder / FILE
        self._scheduler = scheduler
        self._facts = facts
        self._written = b""

    def recall(self) -> None:
        """Called once, before the first event. A file that makes no sense is as good as none."""
        try:
            self._written = self._path.read_bytes()
            learned = msgspec.json.decode(self._written, type=Learned)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("what was learned earlier cannot be read: %s: %s", self._path, error)
            return
        self._scheduler.estimates.recall(learned, anyio.current_time())
        self._scheduler.roster.recall()

    async def keep(self) -> None:
        """Write now and then while something happens, for ever, and once more when cancelled."""
        try:
            while True:
                await anyio.sleep(EVERY_S)
                if not self._write():
                    await self._facts.next()
        finally:
            self._write()

    def _write(self) -> bool:
        """Whether there was anything new."""
        text = msgspec.json.encode(self._scheduler.estimates.learned())
        if text == self._written:
            return False
        draft = self._path.with_suffix(".draft")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(text)
            draft.replace(self._path)
        except OSError as error:
            log.warning("what was learned cannot be kept: %s", error)
        self._written = text
        return True
