"""LM Studio with models on disk.

After lmstudio.ai/docs/developer/rest (0.4): loading blocks and makes one instance more each time,
also of a model that is loaded; unloading takes an instance's id; the OpenAI API loads just in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .memory import Memory
from .server import Answer, FakeServer, Page, Ways


class FakeLMStudio(FakeServer):
    """Up, with nothing in memory."""

    def __init__(self, memory: Memory, keys: Sequence[str], ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.instances: dict[str, list[str]] = {key: [] for key in keys}

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/api/v1/models"): self._models,
            ("POST", "/api/v1/models/load"): self._load,
            ("POST", "/api/v1/models/unload"): self._unload,
            ("POST", "/v1/chat/completions"): self._chat,
        }

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.instances.get(model))

    async def _models(self, asked: Mapping[str, Any]) -> Answer:
        config = {"context_length": 8192}
        rows = [
            {"key": key, "type": "llm", "size_bytes": 1,
             "loaded_instances": [{"id": one, "config": config} for one in found]}
            for key, found in self.instances.items()
        ]  # fmt: skip
        return 200, {"models": rows}

    async def _load(self, asked: Mapping[str, Any]) -> Answer:
        key = asked["model"]
        if key not in self.instances:
            return 404, {"error": {"message": f"Model not found: {key}"}}
        await self.loading(key)
        found = self.instances[key]
        found.append(f"{key}:{len(found) + 1}" if found else key)
        return 200, {"type": "llm", "instance_id": found[-1], "status": "loaded"}

    async def _unload(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        for key, found in self.instances.items():
            if asked["instance_id"] in found:
                found.remove(asked["instance_id"])
                if not found:
                    self.free(key)
        return 200, {"instance_id": asked["instance_id"]}

    async def _chat(self, asked: Mapping[str, Any]) -> Answer:
        key = asked["model"]
        if key in self.instances and not self.instances[key]:
            self.early.append(key)
            await self._load({"model": key})
        return await self.chat(asked)
