"""TabbyAPI with a directory of models.

After theroyallab/tabbyAPI endpoints/core/router.py: loading answers with a stream of progress and
is cancelled by hanging up, asking for the current model is an error while there is none, a second
load is refused, and unloading does not wait for jobs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .memory import Memory
from .server import Answer, FakeServer, Page, Ways


class FakeTabby(FakeServer):
    """Up, with all of `folders` to choose from."""

    def __init__(self, memory: Memory, folders: Sequence[str], ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.folders = set(folders)
        self.current = ""

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/health"): self._health,
            ("GET", "/v1/model"): self._model,
            ("POST", "/v1/model/load"): self._load,
            ("POST", "/v1/model/unload"): self._unload,
            ("POST", "/v1/chat/completions"): self.chat,
        }

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.current)

    async def _health(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"status": "healthy", "issues": []}

    async def _model(self, asked: Mapping[str, Any]) -> Answer:
        if not self.current:
            return 400, {"detail": "No models are currently loaded."}
        parameters = {"max_seq_len": 4096, "max_batch_size": 4}
        return 200, {"id": self.current, "object": "model", "parameters": parameters}

    async def _load(self, asked: Mapping[str, Any]) -> Answer:
        name = asked["model_name"]
        if name not in self.folders:
            return 400, {"detail": "Could not find the model path for load."}
        if self.current:
            return 400, {"detail": f"Model {self.current} is already loaded."}
        await self.loading(name)
        self.current = name
        steps = [
            {"model_type": "model", "module": 1, "modules": 2, "status": "processing"},
            {"model_type": "model", "module": 2, "modules": 2, "status": "finished"},
        ]
        return 200, "".join(f"data: {json.dumps(step)}\n\n" for step in steps)

    async def _unload(self, asked: Mapping[str, Any]) -> Answer:
        await self.unloading()
        self.free(self.current)
        self.current = ""
        return 200, None
