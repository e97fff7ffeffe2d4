"""koboldcpp with `--admin`.

After LostRuins/koboldcpp koboldcpp.py and its wiki: an order to reload is answered at once with
success, the process goes on as before for a moment, then restarts itself while connections are
refused, and comes back with the model of the file, or without any after `unload_model`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .memory import Memory
from .server import Answer, FakeServer, Later, Page, Ways

STILL_S, AWAY_S = 1.0, 2.0
"""Until it restarts, and how long nothing answers then."""


class FakeKobold(FakeServer):
    """`files` are the configurations in its admin folder; a model is called like its file."""

    def __init__(self, memory: Memory, files: Sequence[str], ways: Ways | None = None) -> None:
        super().__init__(memory, ways)
        self.files = set(files)
        self.model = Later.of("")
        self.away = Later.of(False)

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/api/extra/version"): self._version,
            ("GET", "/api/v1/model"): self._model,
            ("GET", "/api/extra/perf"): self._perf,
            ("POST", "/api/admin/reload_config"): self._reload,
            ("POST", "/v1/chat/completions"): self.chat,
        }

    async def answer(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Answer:
        """See `FakeServer`."""
        self.up = not self.away.now
        return await super().answer(method, path, query, body)

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        return bool(self.model.now)

    async def _version(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"result": "KoboldCpp", "version": "1.100"}

    async def _model(self, asked: Mapping[str, Any]) -> Answer:
        now = self.model.now
        return 200, {"result": f"koboldcpp/{now}" if now else "inactive"}

    async def _perf(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"queue": 0, "idle": 0 if self.active else 1, "total_gens": len(self.served)}

    async def _reload(self, asked: Mapping[str, Any]) -> Answer:
        file = asked["filename"]
        unload = file == "unload_model"
        if not unload and file not in self.files:
            return 200, {"success": False}
        if unload and self.ways.hangs_in_unload:
            return 200, {"success": True}  # and nothing follows
        gone = STILL_S + self.ways.late_s
        back = gone + AWAY_S + (0 if unload else self.ways.load_s)
        if held := self.model.now:
            self.memory.give(held, gone + self.ways.frees_s)
        self.model.set("", after=gone)
        self.away.set(True, after=gone)
        if self.ways.dies_in_load and not unload:
            return 200, {"success": True}
        self.away.changes.append((self.away.changes[-1][0] + back - gone, False))
        if not unload and not self.ways.never_ready:
            name = file.removesuffix(".kcpps")
            self.memory.take(name)
            self.model.changes.append((self.model.changes[-1][0] + back - gone, name))
        return 200, {"success": True}
