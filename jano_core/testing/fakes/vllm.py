"""vLLM with one model.

After vllm-project/vllm, vllm/entrypoints/openai/api_server.py, its development routes and
docs/features/sleep_mode.md: `/health` is 200 as soon as the engine lives, `/v1/models` has the
served name alone, another name is a 404; sleep and wake routes exist in development mode only,
sleep aborts what runs, and after level 2 the weights must be reloaded before the cache is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .memory import Memory
from .server import Answer, FakeServer, Later, Page, Ways


class FakeVLLM(FakeServer):
    """Loads when its process starts. `aborted` counts requests that a sleep cut off; `garbled`
    says that weights were used which nobody reloaded.
    """

    def __init__(
        self, memory: Memory, model: str, ways: Ways | None = None, *, can_sleep: bool = True
    ) -> None:
        super().__init__(memory, ways)
        self.model = model
        self.can_sleep = can_sleep
        self.listed = Later.of(False)
        self.asleep = Later.of(False)
        self.level = 0
        self.weights_good = True
        self.cache_back = True
        self.aborted = 0
        self.garbled = False

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        found: dict[tuple[str, str], Page] = {
            ("GET", "/health"): self._health,
            ("GET", "/v1/models"): self._models,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/v1/chat/completions"): self._chat,
        }
        if self.can_sleep:
            found |= {
                ("GET", "/is_sleeping"): self._is_sleeping,
                ("POST", "/sleep"): self._sleep,
                ("POST", "/wake_up"): self._wake,
                ("POST", "/collective_rpc"): self._rpc,
                ("POST", "/reset_prefix_cache"): self._reset,
            }
        return found

    def start(self) -> None:
        """See `FakeServer`."""
        if not self.listed.now and not self.memory.holds(self.model):
            self.memory.take(self.model)
            if not self.ways.never_ready:
                self.listed.set(True, after=self.ways.load_s)

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.listed.now and not self.asleep.now)

    async def _health(self, asked: Mapping[str, Any]) -> Answer:
        return 200, None

    async def _models(self, asked: Mapping[str, Any]) -> Answer:
        rows = [{"id": self.model, "object": "model", "max_model_len": 8192}]
        return 200, {"object": "list", "data": rows if self.listed.now else []}

    async def _metrics(self, asked: Mapping[str, Any]) -> Answer:
        return 200, (
            f'vllm:num_requests_running{{model_name="{self.model}"}} {float(self.active)}\n'
            f'vllm:num_requests_waiting{{model_name="{self.model}"}} 0.0\n'
        )

    async def _is_sleeping(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"is_sleeping": self.asleep.now}

    async def _sleep(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        self.aborted += self.active
        self.level = int(asked["level"])
        self.weights_good = self.cache_back = self.level == 1
        self.asleep.set(True, after=self.ways.late_s)
        self.memory.give(self.model, self.ways.late_s + self.ways.frees_s)
        return 200, None

    async def _wake(self, asked: Mapping[str, Any]) -> Answer:
        await self.loading(self.model) if not self.memory.holds(self.model) else None
        tags = asked.get("tags", "weights,kv_cache")
        if "kv_cache" in tags:
            self.cache_back = True
        self.asleep.set(not self.cache_back, after=self.ways.late_s)
        return 200, None

    async def _rpc(self, asked: Mapping[str, Any]) -> Answer:
        self.weights_good = asked["method"] == "reload_weights"
        return 200, {"results": [None]}

    async def _reset(self, asked: Mapping[str, Any]) -> Answer:
        return 200, None

    async def _chat(self, asked: Mapping[str, Any]) -> Answer:
        if asked.get("model") != self.model:
            return 404, {"error": {"message": f"The model `{asked.get('model')}` does not exist."}}
        self.garbled = self.garbled or not self.weights_good
        return await self.chat(asked)
