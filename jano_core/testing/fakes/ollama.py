"""Ollama: its native API and as much of `/v1` as passes through Jano.

After ollama/ollama server/routes.go and server/sched.go at fb307609, and docs/api.md: an empty
generate loads and answers when that is done; with `keep_alive` 0 it unloads and answers before it
is gone; a request for a model that is not there loads it, whatever else is in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from .memory import Memory
from .server import Answer, FakeServer, Later, Page, Ways

UNLOAD_S = 0.2
"""Until a model that was told to go is off the list, at the best."""
GIB = 2**30


class FakeOllama(FakeServer):
    """Has all of `installed` on disk. `vram` is the share of a model that the GPU holds."""

    def __init__(
        self,
        memory: Memory,
        installed: Sequence[str],
        ways: Ways | None = None,
        *,
        embedding: Sequence[str] = (),
        vram: float = 1.0,
    ) -> None:
        super().__init__(memory, ways)
        self.installed = {_full(name) for name in installed}
        self.embedding = {_full(name) for name in embedding}
        self.vram = vram
        self.listed: dict[str, Later] = {name: Later.of(False) for name in self.installed}
        self.keep_alive: dict[str, object] = {}

    @property
    def pages(self) -> Mapping[tuple[str, str], Page]:
        """See `FakeServer`."""
        return {
            ("GET", "/api/version"): self._version,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/generate"): self._generate,
            ("POST", "/api/chat"): self._native_chat,
            ("POST", "/api/embed"): self._embed,
            ("POST", "/v1/chat/completions"): self._openai_chat,
        }

    def servable(self, model: str) -> bool:
        """See `FakeServer`."""
        listed = self.listed.get(_full(model))
        return bool(listed and listed.now)

    async def _version(self, asked: Mapping[str, Any]) -> Answer:
        return 200, {"version": "0.12.0"}

    async def _ps(self, asked: Mapping[str, Any]) -> Answer:
        size = 4 * GIB
        rows = [
            {"name": name, "model": name, "size": size, "size_vram": int(size * self.vram),
             "digest": "", "details": {}, "expires_at": "", "context_length": 4096}
            for name, listed in self.listed.items() if listed.now
        ]  # fmt: skip
        return 200, {"models": rows}

    async def _generate(self, asked: Mapping[str, Any]) -> Answer:
        name = _full(asked["model"])
        if name not in self.installed:
            return 404, {"error": f"model '{asked['model']}' not found"}
        if name in self.embedding:
            return 400, {"error": f'"{asked["model"]}" does not support generate'}
        return await self._obey(name, asked)

    async def _embed(self, asked: Mapping[str, Any]) -> Answer:
        return await self._obey(_full(asked["model"]), asked)

    async def _obey(self, name: str, asked: Mapping[str, Any]) -> Answer:
        if asked.get("keep_alive") == 0:
            await self.unloading()
            self.listed[name].set(False, after=UNLOAD_S + self.ways.late_s)
            self.memory.give(name, UNLOAD_S + self.ways.late_s + self.ways.frees_s)
            return 200, {"model": name, "response": "", "done": True, "done_reason": "unload"}
        await self._load(name, asked.get("keep_alive"))
        return 200, {"model": name, "response": "", "done": True, "done_reason": "load"}

    async def _load(self, name: str, keep_alive: object) -> None:
        self.keep_alive[name] = keep_alive
        if self.listed[name].now:
            return
        if self.ways.never_ready:  # ollama/ollama#17408: its loop waits for ever
            await anyio.sleep_forever()
        if self.ways.late_s:
            self.memory.take(name)
            self.listed[name].set(True, after=self.ways.late_s)
            return
        await self.loading(name)
        self.listed[name].set(self.up)

    async def _native_chat(self, asked: Mapping[str, Any]) -> Answer:
        status, answer = await self._openai_chat(asked)
        if status != 200:
            return status, answer
        message = answer["choices"][0]["message"]
        self.keep_alive[_full(asked["model"])] = asked.get("keep_alive")
        return 200, {"model": asked["model"], "message": message, "done": True,
                     "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 4,
                     "eval_duration": 10**9}  # fmt: skip

    async def _openai_chat(self, asked: Mapping[str, Any]) -> Answer:
        name = _full(asked["model"])
        if name not in self.installed:
            return 404, {"error": {"message": f"model '{asked['model']}' not found"}}
        if not self.listed[name].now:
            self.early.append(name)
            await self.loading(name)
            self.listed[name].set(True)
        return await self.chat(asked)


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
