"""What a running ComfyUI speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jano_core import Backend, StopFailed, until

from .pages import member, page

ALWAYS_TAKEN = 512 * 2**20
"""Bytes that torch keeps reserved whatever is loaded."""
LEFT = 0.25
"""Of the memory before: what may be left once the models are put away."""


class ComfyUI(Backend):
    """Loads what a workflow names, when it runs; Jano says when the GPU is its own, and takes the
    memory back without ending the process.
    """

    name: ClassVar[str] = "comfyui"
    health: ClassVar[str] = "/system_stats"

    @classmethod
    def needs_model(cls, method: str, path: str) -> bool:
        """Only a workflow does. Its page, the page's WebSocket, pictures and history do not."""
        return method == "POST" and path.rstrip("/") in ("/prompt", "/api/prompt")

    async def busy(self) -> int | None:
        """Workflows that run and that wait: an answer to one comes before its work is done."""
        queue = await page(self.server.http, "/queue")
        running, pending = member(queue, "queue_running"), member(queue, "queue_pending")
        if not isinstance(running, list) or not isinstance(pending, list):
            return None
        return len(running) + len(pending)

    async def resident(self) -> Mapping[str, int | None] | None:
        """Unknown: it has what its last workflows named, and no page lists that."""
        return None

    async def release(self) -> None:
        """`/free` is answered at once, and obeyed when the worker wakes. Raises `StopFailed`."""
        patience = self.server.spec.stop_timeout
        if not await until(self._idle, within=patience):
            raise StopFailed("ComfyUI is still at work")
        before = await self._taken()
        order = {"unload_models": True, "free_memory": True}
        reply = await self.server.http.post("/free", order, timeout=patience)
        if not reply.ok:
            raise StopFailed(f"ComfyUI did not free its memory: status {reply.status}")

        async def fallen() -> bool:
            now = await self._taken()
            return now is not None and now <= max(ALWAYS_TAKEN, LEFT * (before or 0))

        if before is not None and not await until(fallen, within=patience):
            raise StopFailed("ComfyUI said that it freed its memory, and it did not fall")

    async def _idle(self) -> bool:
        return not await self.busy()

    async def _taken(self) -> int | None:
        """Bytes that torch has reserved on the first device, None where there is no GPU."""
        stats = await page(self.server.http, "/system_stats")
        total = member(stats, "devices", 0, "torch_vram_total")
        return total if isinstance(total, int) and total >= 0 else None
