"""What a running SGLang speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jano_core import Backend, Description, LoadFailed, ServerSpec, StopFailed, UpstreamError, until

from .command import has, option
from .metrics import total

SAVER_FLAG, BACKUP_FLAG = "--enable-memory-saver", "--enable-weights-cpu-backup"
MEMORY = {"tags": ["kv_cache", "weights"]}
CANARY_S = 20.0


class SGLang(Backend):
    """One SGLang with one model, which loads when its process starts.

    `/health_generate` makes one real token: it is the proof that the model works. With
    `--enable-memory-saver` it gives its memory back instead of ending.
    """

    name: ClassVar[str] = "sglang"

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        started = option(spec.cmd, "--served-model-name", "--model-path", "--model")
        return spec.upstream_model or started or spec.model

    async def ready(self) -> bool:
        """Light question first, so that a server which is still loading is not made to work."""
        if not await super().ready():
            return False
        try:
            return (await self.server.http.get("/health_generate", timeout=CANARY_S)).ok
        except UpstreamError:
            return False

    async def describe(self) -> Description:
        context = (await self._info()).get("context_length")
        return Description(context=context if isinstance(context, int) and context > 0 else None)

    async def busy(self) -> int | None:
        return await total(self.server.http, "sglang:num_running_reqs", "sglang:num_queue_reqs")

    async def release(self) -> None:
        """A server that is not Jano's to end gives its memory back. Raises `StopFailed`."""
        if not self.server.spec.own and not await self._give_back():
            raise StopFailed(f"this SGLang cannot give memory back: start it with {SAVER_FLAG}")

    async def load(self) -> None:
        """For a server that is up already, and may have given its memory back."""
        if not self.server.spec.own and not await self.ready():
            await self.wake()

    async def sleep(self) -> bool:
        """Only a server that was started for it can. See `CanSleep`."""
        return has(self.server.spec.cmd, SAVER_FLAG) and await self._give_back()

    async def wake(self) -> None:
        """The weights have a place again; what they are must be read from disk, unless a copy was
        kept. Raises `LoadFailed`.
        """
        await self._order("/resume_memory_occupation", MEMORY)
        if not has(self.server.spec.cmd, BACKUP_FLAG) and (path := await self._weights()):
            await self._order("/update_weights_from_disk", {"model_path": path})

    async def _give_back(self) -> bool:
        """SGLang asserts that nothing runs, and dies if something does."""
        patience = self.server.spec.stop_timeout
        if not await until(self._idle, within=patience):
            return False
        path = "/release_memory_occupation"
        return (await self.server.http.post(path, MEMORY, timeout=patience)).ok

    async def _idle(self) -> bool:
        return not await self.busy()

    async def _order(self, path: str, body: object) -> None:
        patience = self.server.spec.start_timeout  # weights that are read from disk are a load
        try:
            reply = await self.server.http.post(path, body, timeout=patience)
        except UpstreamError as error:
            raise LoadFailed(f"SGLang did not wake: {error}") from error
        if not reply.ok:
            raise LoadFailed(f"SGLang did not wake: {path} gave status {reply.status}")

    async def _weights(self) -> str:
        path = (await self._info()).get("model_path")
        return path if isinstance(path, str) else ""

    async def _info(self) -> Mapping[str, Any]:
        for path in ("/server_info", "/get_server_info", "/get_model_info"):
            try:
                reply = await self.server.http.get(path)
            except UpstreamError:
                continue
            found = reply.json() if reply.ok else None
            if isinstance(found, Mapping):
                return found
        return {}
