"""What a running LM Studio (0.4 or newer) speaks: one server, many models, each loaded or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct

from jano_core import (
    Backend,
    Description,
    LoadFailed,
    Server,
    ServerSpec,
    StopFailed,
    UpstreamError,
    until,
)

MODELS = "/api/v1/models"


class LMStudioSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[backends.lmstudio]`. `token` where the server asks for one."""

    token: str = ""


class LMStudio(Backend):
    """Loads a model by its key: `upstream_model`, by default the model's own name."""

    name: ClassVar[str] = "lmstudio"
    health: ClassVar[str] = MODELS
    Settings = LMStudioSettings

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        super().__init__(server, settings)
        if isinstance(settings, LMStudioSettings) and settings.token:
            server.http.headers["authorization"] = f"Bearer {settings.token}"

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        return spec.upstream_model or spec.model

    async def load(self) -> None:
        """Blocks until it is loaded. Never twice: that would make a second copy in memory."""
        await until(self.alive)
        if await self._instances():
            return
        patience = self.server.spec.start_timeout
        try:
            reply = await self.server.http.post(
                f"{MODELS}/load", {"model": self._model}, timeout=patience
            )
        except UpstreamError as error:
            raise LoadFailed(f"LM Studio did not load {self._model}: {error}") from error
        if not reply.ok:
            said = reply.body[:300].decode(errors="replace")
            raise LoadFailed(f"LM Studio did not load {self._model}: {said}")

    async def ready(self) -> bool:
        return bool(await self._instances())

    async def describe(self) -> Description:
        for instance in await self._instances() or ():
            config = instance.get("config")
            context = config.get("context_length") if isinstance(config, Mapping) else None
            return Description(context=context if isinstance(context, int) and context else None)
        return Description()

    async def resident(self) -> Mapping[str, int | None] | None:
        rows = await self._rows()
        if rows is None:
            return None
        return {str(row.get("key")): None for row in rows if row.get("loaded_instances")}

    async def release(self) -> None:
        """Unload every copy, also those that a request brought in. Raises `StopFailed`."""
        patience = self.server.spec.stop_timeout
        for instance in await self._instances() or ():
            order = {"instance_id": instance.get("id")}
            await self.server.http.post(f"{MODELS}/unload", order, timeout=patience)
        if not await until(self._gone, within=patience):
            raise StopFailed(f"LM Studio still has {self._model} in memory")

    @property
    def _model(self) -> str:
        return self.model_name(self.server.spec)

    async def _gone(self) -> bool:
        resident = await self.resident()  # no answer proves nothing
        return resident is not None and self._model not in resident

    async def _instances(self) -> list[Mapping[str, Any]] | None:
        """The model's copies in memory; None where nothing is known of it."""
        for row in await self._rows() or ():
            if row.get("key") == self._model:
                found = row.get("loaded_instances")
                return [each for each in found or () if isinstance(each, Mapping)]
        return None

    async def _rows(self) -> list[Mapping[str, Any]] | None:
        try:
            reply = await self.server.http.get(MODELS)
        except UpstreamError:
            return None
        found = reply.json() if reply.ok else None
        rows = found.get("models") if isinstance(found, Mapping) else None
        return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else None
