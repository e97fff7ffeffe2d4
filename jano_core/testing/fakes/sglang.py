"""SGLang with one model.

After sgl-project/sglang python/sglang/srt/entrypoints/http_server.py: `/health` is light,
`/health_generate` makes a token; memory is released and resumed by tags and only while nothing
runs, and the content of resumed weights is undefined until they are updated from disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .memory import Memory
from .server import Answer, FakeServer, Later, Page, Ways


class FakeSGLang(FakeServer):
    """Loads when its process starts; it was started with `--enable-memory-saver`."""

    def __init__(self, memory: Memory, model: str, ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.model = model
        self.loaded = Later.of(False)
        self.weights_good = True
        self.garbled = False

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/health"): self._health,
            ("GET", "/health_generate"): self._generate,
            ("GET", "/get_model_info"): self._info,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/release_memory_occupation"): self._release,
            ("POST", "/resume_memory_occupation"): self._resume,
            ("POST", "/update_weights_from_disk"): self._update,
            ("POST", "/v1/chat/completions"): self._chat,
        }

    def start(self) -> None:
        """See `FakeServer`."""
        if not self.loaded.now and not self.memory.holds(self.model):
            self.memory.take(self.model)
            if not self.ways.never_ready:
                self.loaded.set(True, after=self.ways.load_s)

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.loaded.now)

    async def _health(self, asked: Mapping[str, Any]) -> Answer:
        return 200, None

    async def _generate(self, asked: Mapping[str, Any]) -> Answer:
        return (200 if self.loaded.now else 503), None

    async def _info(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"model_path": f"/models/{self.model}", "is_generation": True}

    async def _metrics(self, asked: Mapping[str, Any]) -> Answer:
        return 200, f"sglang:num_running_reqs {float(self.active)}\nsglang:num_queue_reqs 0.0\n"

    async def _release(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        if self.active:  # an assertion that ends the server
            self.up = False
        self.loaded.set(False)
        self.weights_good = False
        self.memory.give(self.model, self.ways.frees_s)
        return 200, None

    async def _resume(self, asked: Mapping[str, Any]) -> Answer:
        if not self.memory.holds(self.model):
            await self.loading(self.model)
        self.loaded.set(True, after=self.ways.late_s)
        return 200, None

    async def _update(self, asked: Mapping[str, Any]) -> Answer:
        self.weights_good = asked["model_path"] == f"/models/{self.model}"
        return 200, {"success": self.weights_good, "message": ""}

    async def _chat(self, asked: Mapping[str, Any]) -> Answer:
        self.garbled = self.garbled or not self.weights_good
        return await self.chat(asked)
