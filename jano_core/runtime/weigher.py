"""Learns what models take in memory, and makes sure that what was put away gave it back.

Only where a budget is shared: otherwise one model has the box, and there is nothing to reckon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from ..errors import LoadFailed
from ..plugin.capabilities import ReportsMemory
from ..scheduler import events
from ..scheduler.instance import TOLD
from . import memory_use
from .life import ServerLife
from .memory_use import Holder, Memory

if TYPE_CHECKING:
    from .dispatcher import Dispatcher

EVERY_S = 10.0
"""Seconds between two looks at the ready models."""
PATIENCE_S = 10.0
"""How long memory is waited for that somebody still holds."""
POLL_S = 0.25
STEADY = 4
"""After so many readings without a change nobody is giving anything back any more."""
GIB = 2**30


class Scales:
    """The readings of this machine; each takes milliseconds, in a thread."""

    async def of_tree(self, pid: int) -> Memory | None:
        """What a process and all below it take."""
        return await to_thread.run_sync(memory_use.of_tree, pid)

    async def free(self, kind: str) -> int | None:
        """Bytes that are left."""
        return await to_thread.run_sync(memory_use.free, kind)

    async def holders(self, kind: str) -> list[Holder]:
        """Those that have most."""
        return await to_thread.run_sync(memory_use.holders, kind)


class Weigher:
    """One for all models; `scales` tell what they take and what is left."""

    def __init__(self, dispatcher: Dispatcher, scales: Scales | None = None) -> None:
        self._dispatcher = dispatcher
        self._scales = scales or Scales()
        self.seen: dict[str, Memory] = {}
        """Model → the most that it took while Jano looked."""
        self._promised: dict[str, Memory] = {}
        """Model → what there was room for when its load began; some of it is taken only later."""

    async def run(self) -> None:
        """Look at the ready models now and then while something happens, for ever."""
        scheduler = self._dispatcher.scheduler
        while True:
            await anyio.sleep(EVERY_S)
            for name, instance in tuple(scheduler.node.instances.items()):
                if self._shares and instance.serving and not instance.model.resident:
                    await self._weigh(name)
            if not scheduler.running:
                await self._dispatcher.facts.next()

    def forget(self, models: Iterable[str]) -> None:
        """Their servers will be others: what the old ones took says nothing of them."""
        for model in models:
            self.seen.pop(model, None)

    async def make_room(self, model: str) -> None:
        """Called before a load: wait until there is as much free as the model was seen to take,
        beside what loads under way have yet to take.

        What was not seen is not asked for: a figure of the configuration does not say which kind of
        memory it means. Raises `LoadFailed` that names who holds it, once nobody is giving anything
        back any more.
        """
        self._promised.pop(model, None)
        known = self.seen.get(model)
        if known is None or not known.kind or not self._shares:
            return
        kind, need = known.kind, known.size
        readings: list[int] = []
        while len(readings) < round(PATIENCE_S / POLL_S):
            taken = await self._taken(kind)
            found = await self._scales.free(kind)
            if found is None or found >= need + self._outstanding(kind, taken):
                self._promised[model] = known
                return
            if found >= need:  # enough, should a load under way come to nothing
                await anyio.sleep(POLL_S)
                continue
            readings.append(found)
            if len(readings) > STEADY and max(readings[-STEADY:]) <= readings[-STEADY - 1]:
                break
            await anyio.sleep(POLL_S)
        holders = await self._scales.holders(kind)
        raise LoadFailed(
            f"{model} takes {need / GIB:.1f} GiB of {kind}, and {readings[-1] / GIB:.1f} GiB are "
            f"free; most is held by {', '.join(map(str, holders)) or 'nobody that can be seen'}"
        )

    def _loading(self, kind: str) -> dict[str, int]:
        """Model → what was promised to its load, of those under way."""
        instances = self._dispatcher.scheduler.node.instances
        return {
            name: memory.size
            for name, memory in self._promised.items()
            if memory.kind == kind and name in instances and instances[name].state == "starting"
        }

    async def _taken(self, kind: str) -> dict[str, int]:
        """What the servers that load have of it already."""
        taken: dict[str, int] = {}
        crew = self._dispatcher.crew
        for name, life in [(name, crew[name].life) for name in self._loading(kind)]:
            pid = life.parts.server.pid if life and life.parts else None
            if pid is not None and (has := await self._scales.of_tree(pid)) and has.kind == kind:
                taken[name] = has.size
        return taken

    def _outstanding(self, kind: str, taken: dict[str, int]) -> int:
        """What the loads under way have yet to take."""
        return sum(max(0, size - taken.get(name, 0)) for name, size in self._loading(kind).items())

    @property
    def _shares(self) -> bool:
        return self._dispatcher.scheduler.node.rule.budget is not None

    async def _weigh(self, model: str) -> None:
        parts = self._dispatcher.crew[model].parts
        if parts is None:
            return
        found = await self._seen(parts)
        instance = self._dispatcher.scheduler.node.instances.get(model)
        if found is not None and instance is not None and instance.leaving != TOLD:
            known = self.seen.get(model)
            if known is None or found.kind != known.kind or found.size > known.size:
                self.seen[model] = found
            now = self._dispatcher.clock.now()
            self._dispatcher.post(events.Weighed(at=now, model=model, memory=found.size))

    async def _seen(self, parts: ServerLife) -> Memory | None:
        """What the server says, else what its processes take."""
        if isinstance(parts.backend, ReportsMemory):
            with anyio.move_on_after(EVERY_S):
                try:
                    reported = await parts.backend.memory()
                except Exception as error:
                    parts.server.log(f"jano: cannot tell how much memory it takes: {error}\n")
                    return None
                return None if reported is None else Memory("", reported)
        if parts.server.pid is None:
            return None
        return await self._scales.of_tree(parts.server.pid)
