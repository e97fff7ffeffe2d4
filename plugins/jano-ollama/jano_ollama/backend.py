"""What a running Ollama speaks: one server, many models, each in memory or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from jano_core import (
    Backend,
    Description,
    LoadFailed,
    Reply,
    ServerSpec,
    StopFailed,
    UpstreamError,
    until,
)

FOR_EVER = -1
"""As `keep_alive`: when a model goes is Jano's to say, not a timer's."""


class Ollama(Backend):
    """One model of an Ollama that Jano attaches to, or starts for it.

    Loads and unloads through the native API, and believes only `/api/ps`: an answer to unload
    comes before its effect, and a request for a model that is not in memory loads it, beside
    whatever is there.
    """

    name: ClassVar[str] = "ollama"
    health: ClassVar[str] = "/api/version"
    speaks: ClassVar[frozenset[str]] = frozenset({"ollama"})

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """For a server that Jano starts: Ollama takes its port and its habits from the environment.

        What the model's own `env` says stays; what Jano itself was started with does not.
        """
        if not spec.cmd:
            return spec
        habits = {"OLLAMA_KEEP_ALIVE": str(FOR_EVER), "OLLAMA_MAX_LOADED_MODELS": "1"}
        own = {**habits, **spec.own_env}
        return replace(spec, env={**spec.env, **own}, own_env=own)

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        return spec.upstream_model or spec.model

    async def load(self) -> None:
        """An empty request loads; it is answered when that is done, or fails."""
        await until(self.alive)
        patience = self.server.spec.start_timeout
        try:
            reply = await self._order(FOR_EVER, patience)
        except UpstreamError as error:
            raise LoadFailed(f"Ollama did not load {self._model}: {error}") from error
        if reply.status == 404:
            raise LoadFailed(f"Ollama has no {self._model}: `ollama pull {self._model}` gets it")
        if not reply.ok:
            raise LoadFailed(f"Ollama did not load {self._model}: {_error(reply)}")

    async def ready(self) -> bool:
        return await self._row() is not None

    async def describe(self) -> Description:
        """Memory and context as `/api/ps` has them; it warns if the GPU does not hold it all."""
        row = await self._row() or {}
        size, vram = row.get("size"), row.get("size_vram")
        if isinstance(size, int) and isinstance(vram, int) and vram < size:
            share = round(100 * (size - vram) / size)
            self.server.log(f"warning: {share} % of {self._model} is on the CPU, and so is slow\n")
        return Description(memory=size, context=row.get("context_length"))

    async def resident(self) -> Mapping[str, int | None] | None:
        rows = await self._rows()
        return None if rows is None else {self._known(row["name"]): row.get("size") for row in rows}

    async def release(self) -> None:
        """Unload, and wait until it is off the list. Raises `StopFailed`."""
        patience = self.server.spec.stop_timeout
        reply = await self._order(0, patience)
        if not reply.ok:
            raise StopFailed(f"Ollama did not unload {self._model}: {_error(reply)}")
        if not await until(self._gone, within=patience):
            raise StopFailed(f"Ollama still has {self._model} in memory after {patience:g} s")

    async def models(self) -> Sequence[str]:
        """Everything that is installed."""
        try:
            reply = await self.server.http.get("/api/tags")
        except UpstreamError:
            return ()
        found = reply.json() if reply.ok else None
        rows = found.get("models", []) if isinstance(found, dict) else []
        return [row["name"] for row in rows]

    @property
    def _model(self) -> str:
        return self.model_name(self.server.spec)

    def _known(self, listed: str) -> str:
        return self._model if listed == _full(self._model) else listed

    async def _order(self, keep_alive: int, timeout: float) -> Reply:
        order = {"model": self._model, "keep_alive": keep_alive, "stream": False}
        reply = await self.server.http.post("/api/generate", order, timeout=timeout)
        if reply.status == 400:  # a model for embeddings generates nothing
            order = {"model": self._model, "keep_alive": keep_alive, "input": ""}
            reply = await self.server.http.post("/api/embed", order, timeout=timeout)
        return reply

    async def _gone(self) -> bool:
        rows = await self._rows()  # no answer proves nothing
        return rows is not None and all(row["name"] != _full(self._model) for row in rows)

    async def _row(self) -> Mapping[str, Any] | None:
        wanted = _full(self._model)
        return next((row for row in await self._rows() or () if row["name"] == wanted), None)

    async def _rows(self) -> list[dict[str, Any]] | None:
        try:
            reply = await self.server.http.get("/api/ps")
        except UpstreamError:
            return None
        found = reply.json() if reply.ok else None
        return found.get("models") or [] if isinstance(found, dict) else None


def _full(name: str) -> str:
    """As Ollama lists it: a name without a tag means the latest."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _error(reply: Reply) -> str:
    found = reply.json()
    return str(found.get("error")) if isinstance(found, dict) else f"status {reply.status}"
