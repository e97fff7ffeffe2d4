"""Stable Diffusion web UI and ComfyUI.

The web UI after AUTOMATIC1111/stable-diffusion-webui modules/api/api.py: unloading is answered when
ordered, and its memory is on a page; doing it in the middle of a picture breaks the picture.
ComfyUI after comfyanonymous/ComfyUI server.py: a workflow is answered when it is queued, long
before it is done; `/free` only sets flags for the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio

from .memory import Memory
from .server import Answer, FakeServer, Later, Page, Ways

GIB = 2**30
IDLE_BYTES = 200 * 2**20
PICTURE_S = 10.0
CHECKPOINT, WORKFLOW = "checkpoint", "workflow"
"""What the book calls their models."""


class FakeSDWebUI(FakeServer):
    """Up and without a checkpoint. `broken` counts pictures that an unload broke."""

    def __init__(self, memory: Memory, ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.bytes = Later.of(IDLE_BYTES)
        self.broken = 0
        self.checkpoint = CHECKPOINT

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/sdapi/v1/memory"): self._memory,
            ("GET", "/sdapi/v1/progress"): self._progress,
            ("GET", "/sdapi/v1/options"): self._options,
            ("POST", "/sdapi/v1/reload-checkpoint"): self._reload,
            ("POST", "/sdapi/v1/unload-checkpoint"): self._unload,
            ("POST", "/sdapi/v1/txt2img"): self._picture,
        }

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.bytes.now > GIB)

    async def _memory(self, asked: Mapping[str, Any]) -> Answer:
        used = {"current": self.bytes.now, "peak": 6 * GIB}
        return 200, {"ram": {}, "cuda": {"allocated": used}}

    async def _progress(self, asked: Mapping[str, Any]) -> Answer:
        share = 0.5 if self.active else 0.0
        return 200, {"progress": share, "state": {"job_count": -1 if not self.active else 1}}

    async def _options(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"sd_model_checkpoint": self.checkpoint}

    async def _reload(self, asked: Mapping[str, Any]) -> Answer:
        if not self.servable(""):
            await self.loading(CHECKPOINT)
            self.bytes.set(6 * GIB)
        return 200, None

    async def _unload(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        self.broken += self.active
        self.bytes.set(IDLE_BYTES, after=self.ways.late_s)
        self.memory.give(CHECKPOINT, self.ways.late_s)
        return 200, None

    async def _picture(self, asked: Mapping[str, Any]) -> Answer:
        if not self.servable(""):
            self.early.append(CHECKPOINT)
            return 500, {"error": "no checkpoint"}
        with self.at_work():
            await anyio.sleep(PICTURE_S)
        self.served.append(CHECKPOINT)
        return 200, {"images": [""]}


class FakeComfyUI(FakeServer):
    """Loads with its first workflow. `broken` counts workflows that were going on when it was told
    to free its memory.
    """

    def __init__(self, memory: Memory, ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.bytes = Later.of(IDLE_BYTES)
        self.working = Later.of(False)
        self.broken = 0

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/"): self._front,
            ("GET", "/system_stats"): self._stats,
            ("GET", "/queue"): self._queue,
            ("POST", "/prompt"): self._prompt,
            ("POST", "/free"): self._free,
        }

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return self.up

    async def _front(self, asked: Mapping[str, Any]) -> Answer:
        return 200, "the page"

    async def _stats(self, asked: Mapping[str, Any]) -> Answer:
        device = {"name": "cuda:0", "vram_total": 24 * GIB, "torch_vram_total": self.bytes.now}
        return 200, {"system": {"os": "posix"}, "devices": [device]}

    async def _queue(self, asked: Mapping[str, Any]) -> Answer:
        running = [[0, "id", {}, {}, []]] if self.working.now else []
        return 200, {"queue_running": running, "queue_pending": []}

    async def _prompt(self, asked: Mapping[str, Any]) -> Answer:
        self.served.append(WORKFLOW)
        if not self.memory.holds(WORKFLOW):
            self.memory.take(WORKFLOW)
        self.bytes.set(8 * GIB)
        self.working.set(True)
        self.working.changes.append((anyio.current_time() + PICTURE_S, False))
        return 200, {"prompt_id": "1", "number": 1, "node_errors": {}}

    async def _free(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        self.broken += bool(self.working.now)
        self.bytes.set(IDLE_BYTES, after=1 + self.ways.late_s)
        self.memory.give(WORKFLOW, 1 + self.ways.late_s)
        return 200, None
