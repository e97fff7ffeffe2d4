"""What a running koboldcpp speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct

from jano_core import Backend, LoadFailed, Server, StopFailed, UpstreamError, until

INACTIVE = "inactive"
UNLOAD = "unload_model"
PREFIX = "koboldcpp/"
ORDER_S = 10.0
NOTICE_S = 10.0
"""koboldcpp answers an order at once and restarts within seconds: until then it is the old one."""


class KoboldSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[backends.koboldcpp]`. `password` is what it was started with as `--adminpassword`."""

    password: str = ""


class KoboldCpp(Backend):
    """A koboldcpp that Jano starts with its model, or one with `--admin` that is told by the name
    of a configuration file which model to have: the model's `upstream_model`, by default
    `NAME.kcpps`.
    """

    name: ClassVar[str] = "koboldcpp"
    health: ClassVar[str] = "/api/extra/version"
    Settings = KoboldSettings

    def __init__(self, server: Server, settings: Struct | None = None) -> None:
        super().__init__(server, settings)
        if isinstance(settings, KoboldSettings) and settings.password:
            server.http.headers["authorization"] = f"Bearer {settings.password}"

    async def load(self) -> None:
        """Order the restart with the model's file and see it take effect. Raises `LoadFailed`."""
        if self.server.spec.own:
            return
        wanted = self.server.spec.upstream_model or f"{self.server.spec.model}.kcpps"
        before = await self._model()
        if not await self._order(wanted):
            raise LoadFailed(f"koboldcpp did not take {wanted}: is it in its --admindir?")
        if before != INACTIVE:
            # It goes on answering as the old one until it restarts.
            await until(self._restarting, within=NOTICE_S)

    async def ready(self) -> bool:
        return await self._model() not in ("", INACTIVE)

    async def busy(self) -> int | None:
        """What it works on and what waits inside it."""
        found = await self._page("/api/extra/perf")
        queue, idle = found.get("queue"), found.get("idle")
        if not isinstance(queue, int) or not isinstance(idle, int):
            return None
        return max(0, queue) + (0 if idle else 1)

    async def resident(self) -> Mapping[str, int | None] | None:
        model = await self._model()
        if not model:
            return None
        return {} if model == INACTIVE else {self.server.spec.model: None}

    async def release(self) -> None:
        """The process stays, without a model. Raises `StopFailed`."""
        if self.server.spec.own or await self._gone():
            return
        patience = self.server.spec.stop_timeout
        if not await until(self._idle, within=patience):
            raise StopFailed("koboldcpp is still at work")
        if not await self._order(UNLOAD):
            raise StopFailed("koboldcpp did not unload: was it started with --admin?")
        if not await until(self._gone, within=patience):
            raise StopFailed(f"koboldcpp still has a model after {patience:g} s")

    async def _order(self, file: str) -> bool:
        body = {"filename": file}
        try:
            reply = await self.server.http.post("/api/admin/reload_config", body, timeout=ORDER_S)
        except UpstreamError:
            return False
        found = reply.json()
        return reply.ok and isinstance(found, Mapping) and found.get("success") is True

    async def _idle(self) -> bool:
        return not await self.busy()

    async def _gone(self) -> bool:
        return await self._model() == INACTIVE

    async def _restarting(self) -> bool:
        return not await self.alive() or await self._gone()

    async def _model(self) -> str:
        """The model it has, `inactive`, or nothing while it does not say."""
        result = (await self._page("/api/v1/model")).get("result")
        return result.removeprefix(PREFIX) if isinstance(result, str) else ""

    async def _page(self, path: str) -> Mapping[str, Any]:
        try:
            reply = await self.server.http.get(path)
        except UpstreamError:
            return {}
        found = reply.json() if reply.ok else None
        return found if isinstance(found, Mapping) else {}
