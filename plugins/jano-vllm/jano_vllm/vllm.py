"""What a running vLLM speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from jano_core import (
    Backend,
    Description,
    LoadFailed,
    ServerSpec,
    StopFailed,
    UpstreamError,
    until,
)

from .command import has, option
from .metrics import total

SLEEP_FLAG = "--enable-sleep-mode"


class VLLMSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[backends.vllm]`. `sleep_level` 1 keeps the weights in the host's memory and wakes in
    seconds, 2 gives them up as well and reads them again from disk.
    """

    sleep_level: Literal[1, 2] = 1


class VLLM(Backend):
    """One vLLM with one model, which loads when its process starts.

    `/health` may say 200 before the model can be asked, so that `ready` looks for it among the
    models as well. With `--enable-sleep-mode` it sleeps instead of ending.
    """

    name: ClassVar[str] = "vllm"
    Settings = VLLMSettings

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """Sleep mode has no routes unless the environment allows them."""
        if not has(spec.cmd, SLEEP_FLAG):
            return spec
        own = {"VLLM_SERVER_DEV_MODE": "1", **spec.own_env}
        return replace(spec, env={**spec.env, **own}, own_env=own)

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        """vLLM knows only the name that it was started with, and answers 404 to any other."""
        served = option(spec.cmd, "--served-model-name")
        return spec.upstream_model or served or _started_with(spec.cmd) or spec.model

    async def load(self) -> None:
        """For a server that is up already and sleeps: wake it."""
        if not self.server.spec.own and await self._sleeping():
            await self.wake()

    async def ready(self) -> bool:
        return await super().ready() and await self._entry() is not None and not (
            await self._sleeping()
        )  # fmt: skip

    async def describe(self) -> Description:
        context = (await self._entry() or {}).get("max_model_len")
        return Description(context=context if isinstance(context, int) and context > 0 else None)

    async def busy(self) -> int | None:
        return await total(
            self.server.http, "vllm:num_requests_running", "vllm:num_requests_waiting"
        )

    async def resident(self) -> Mapping[str, int | None] | None:
        entry = await self._entry()
        if entry is None:
            return None
        return {} if await self._sleeping() else {self.model_name(self.server.spec): None}

    async def release(self) -> None:
        """A server that is not Jano's to end can only be put to sleep. Raises `StopFailed`."""
        if not self.server.spec.own and not await self.sleep():
            raise StopFailed(f"this vLLM cannot sleep: start it with {SLEEP_FLAG}")

    async def sleep(self) -> bool:
        """Sleeping ends what runs, so nothing may run any more. Believed when vLLM says that it
        sleeps.
        """
        sleeping = await self._sleeping()
        if sleeping is not False:
            return sleeping is True
        patience = self.server.spec.stop_timeout
        if not await until(self._idle, within=patience):
            return False
        settings = self.settings or VLLMSettings()
        assert isinstance(settings, VLLMSettings)
        path = f"/sleep?level={settings.sleep_level}"
        reply = await self.server.http.post(path, timeout=patience)
        return reply.ok and await until(self._asleep, within=patience)

    async def wake(self) -> None:
        """After level 2 the weights have a place again, but not their content: they are read in
        before there is a cache for them to fill. Raises `LoadFailed`.
        """
        settings = self.settings or VLLMSettings()
        assert isinstance(settings, VLLMSettings)
        if settings.sleep_level == 1:
            await self._order("/wake_up")
            return
        await self._order("/wake_up?tags=weights")
        await self._order("/collective_rpc", {"method": "reload_weights"})
        await self._order("/wake_up?tags=kv_cache")
        await self._order("/reset_prefix_cache")

    async def _order(self, path: str, body: object = None) -> None:
        patience = self.server.spec.start_timeout  # weights that are read from disk are a load
        try:
            reply = await self.server.http.post(path, body, timeout=patience)
        except UpstreamError as error:
            raise LoadFailed(f"vLLM did not wake: {error}") from error
        if not reply.ok:
            raise LoadFailed(f"vLLM did not wake: {path} gave status {reply.status}")

    async def _idle(self) -> bool:
        return not await self.busy()

    async def _asleep(self) -> bool:
        return await self._sleeping() is True

    async def _sleeping(self) -> bool | None:
        """None where there is no sleep mode, or no answer."""
        found = await self._page("/is_sleeping")
        said = found.get("is_sleeping") if isinstance(found, Mapping) else None
        return said if isinstance(said, bool) else None

    async def _entry(self) -> Mapping[str, Any] | None:
        found = await self._page("/v1/models")
        rows = found.get("data") if isinstance(found, Mapping) else None
        wanted = self.model_name(self.server.spec)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, Mapping) and row.get("id") == wanted:
                return row
        return None

    async def _page(self, path: str) -> Any:
        try:
            reply = await self.server.http.get(path)
        except UpstreamError:
            return None
        return reply.json() if reply.ok else None


def _started_with(cmd: tuple[str, ...]) -> str:
    if (named := option(cmd, "--model")) or "serve" not in cmd:
        return named
    after = cmd[cmd.index("serve") + 1 :]
    return after[0] if after and not after[0].startswith("-") else ""
