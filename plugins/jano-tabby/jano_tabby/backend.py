"""What a running TabbyAPI speaks: one server that has one model of its directory, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
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

WITHOUT_MODEL = (400, 503)
"""How older and newer ones say that they have none."""


class TabbySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[backends.tabby]`. `admin_key` is the one of TabbyAPI's own `api_tokens.yml`."""

    admin_key: str = ""


class Tabby(Backend):
    """Loads a model by its folder's name: `upstream_model`, by default the model's own name."""

    name: ClassVar[str] = "tabby"
    Settings = TabbySettings

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        super().__init__(server, settings)
        if isinstance(settings, TabbySettings) and settings.admin_key:
            server.http.headers["x-admin-key"] = settings.admin_key

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        return spec.upstream_model or spec.model

    async def load(self) -> None:
        """The answer is a stream that ends with the load. Hanging up would cancel it, as Jano does
        when nobody waits for the model any more. Raises `LoadFailed`.
        """
        await until(self.alive)
        if await self.ready():  # a second load of the same model is an error
            return
        body = {"model_name": self._model, "skip_queue": True}
        patience = self.server.spec.start_timeout
        try:
            reply = await self.server.http.post("/v1/model/load", body, timeout=patience)
        except UpstreamError as error:
            raise LoadFailed(f"TabbyAPI did not load {self._model}: {error}") from error
        if not reply.ok or not _finished(reply.body):
            said = reply.body[-300:].decode(errors="replace")
            raise LoadFailed(f"TabbyAPI did not load {self._model}: {said}")

    async def ready(self) -> bool:
        return self._model in (await self.resident() or {})

    async def describe(self) -> Description:
        try:
            found = (await self.server.http.get("/v1/model")).json()
        except UpstreamError:
            return Description()
        parameters = found.get("parameters") if isinstance(found, Mapping) else None
        about = parameters if isinstance(parameters, Mapping) else {}
        return Description(
            context=_positive(about.get("max_seq_len")),
            parallel=_positive(about.get("max_batch_size")),
        )

    async def resident(self) -> Mapping[str, int | None] | None:
        try:
            reply = await self.server.http.get("/v1/model")
        except UpstreamError:
            return None
        if reply.status in WITHOUT_MODEL:
            return {}
        found = reply.json() if reply.ok else None
        name = found.get("id") if isinstance(found, Mapping) else None
        return {name: None} if isinstance(name, str) else None

    async def release(self) -> None:
        """Unloading does not wait for jobs: Jano has drained before. Raises `StopFailed`."""
        if await self._gone():
            return
        patience = self.server.spec.stop_timeout
        reply = await self.server.http.post("/v1/model/unload", timeout=patience)
        if not reply.ok:
            raise StopFailed(f"TabbyAPI did not unload {self._model}: status {reply.status}")
        if not await until(self._gone, within=patience):
            raise StopFailed(f"TabbyAPI still has {self._model}")

    @property
    def _model(self) -> str:
        return self.model_name(self.server.spec)

    async def _gone(self) -> bool:
        return await self.resident() == {}


def _finished(stream: bytes) -> bool:
    """Whether the last event says so."""
    status = ""
    for line in stream.splitlines():
        if line.startswith(b"data:"):
            try:
                status = msgspec.json.decode(line[5:]).get("status", status)
            except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
                continue
    return status == "finished"


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
