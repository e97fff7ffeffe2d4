"""What a running Stable Diffusion web UI, or Forge, speaks (`--api` or `--nowebui`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import ClassVar

from jano_core import Backend, Description, LoadFailed, StopFailed, UpstreamError, until

from .pages import member, page

LEFT = 0.5
"""Of the memory before: what may be left once a checkpoint is put away."""
CHECKSUM = re.compile(r"\s*\[[^]]+]$")
"""The web UI puts it behind the name of a checkpoint that it has loaded once."""


class SDWebUI(Backend):
    """A checkpoint in memory, or put away without ending the process. `upstream_model` is the
    checkpoint's name, as the web UI takes it; without one the server has whichever it had last.
    """

    name: ClassVar[str] = "sdwebui"
    health: ClassVar[str] = "/sdapi/v1/memory"

    @classmethod
    def needs_model(cls, method: str, path: str) -> bool:
        """Only what makes pictures does: the page itself asks all the time."""
        return method == "POST" and not path.endswith(("/interrupt", "/skip", "/options"))

    async def load(self) -> None:
        """A new process has its checkpoint; one that is up may have put it away."""
        if not self.server.spec.own:
            await self._order("/sdapi/v1/reload-checkpoint", None)
        if wanted := self.server.spec.upstream_model:
            await until(self.alive)
            await self._order("/sdapi/v1/options", {"sd_model_checkpoint": wanted})

    async def ready(self) -> bool:
        """Alive, and with the checkpoint that is wanted."""
        if not await super().ready():
            return False
        wanted = self.server.spec.upstream_model
        options = await page(self.server.http, "/sdapi/v1/options") if wanted else None
        return not wanted or _is(member(options, "sd_model_checkpoint"), wanted)

    async def describe(self) -> Description:
        """Memory as its own page has it."""
        return Description(memory=await self._allocated() or None)

    async def busy(self) -> int | None:
        progress = await page(self.server.http, "/sdapi/v1/progress")
        jobs, share = member(progress, "state", "job_count"), member(progress, "progress")
        if not isinstance(jobs, int) and not isinstance(share, int | float):
            return None
        return max(jobs if isinstance(jobs, int) and jobs > 0 else 0, 1 if share else 0)

    async def resident(self) -> Mapping[str, int | None] | None:
        """Unknown: no page tells a loaded checkpoint from one that is only selected."""
        return None

    async def release(self) -> None:
        """Putting the checkpoint away in the middle of a picture breaks it, so that the picture is
        awaited; then the memory must really fall. Raises `StopFailed`.
        """
        patience = self.server.spec.stop_timeout
        if not await until(self._idle, within=patience):
            raise StopFailed("the web UI is still at work")
        before = await self._allocated()
        reply = await self.server.http.post("/sdapi/v1/unload-checkpoint", timeout=patience)
        if not reply.ok:
            raise StopFailed(f"the web UI did not unload: status {reply.status}")

        async def fallen() -> bool:
            now = await self._allocated()
            return now is not None and before is not None and now <= LEFT * before

        if before and not await until(fallen, within=patience):
            raise StopFailed("the web UI said that it unloaded, and its memory did not fall")

    async def _order(self, path: str, body: object) -> None:
        patience = self.server.spec.start_timeout
        try:
            reply = await self.server.http.post(path, body, timeout=patience)
        except UpstreamError as error:
            raise LoadFailed(f"the web UI did not load: {error}") from error
        if not reply.ok:
            raise LoadFailed(f"the web UI did not load: {path} gave status {reply.status}")

    async def _idle(self) -> bool:
        return not await self.busy()

    async def _allocated(self) -> int | None:
        """Bytes on the GPU; None where there is none."""
        memory = await page(self.server.http, "/sdapi/v1/memory")
        found = member(memory, "cuda", "allocated", "current")
        return found if isinstance(found, int) and found >= 0 else None


def _is(title: object, wanted: str) -> bool:
    """Whether a checkpoint's title is what was asked for: with or without checksum, or without
    folder and suffix as well.
    """
    if not isinstance(title, str):
        return False
    name = CHECKSUM.sub("", title)
    names = (name, PurePath(name).stem, PurePath(name.replace("/", "_")).stem)
    return CHECKSUM.sub("", wanted) in names
