"""What a running mlx_lm.server speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import anyio
from msgspec.structs import replace

from jano_core import Backend, LoadFailed, Server, ServerSpec, UpstreamError

OFFLINE = "HF_HUB_OFFLINE"
DEFAULT_MODEL = "default_model"
"""The server's word for what its `--model` says, adapter and draft model included."""
POLL_S = 0.1


class Mlx(Backend):
    """One model of an mlx_lm.server: one that was started for it, or one that is asked for it.

    The server loads whatever a request's `model` names, tries to download what it does not know,
    and is healthy without any model. So the name is always rewritten, downloads are switched off,
    and the model is ready when it has said a word. What is in memory the server does not tell, and
    only its end gives memory back; another model that it is asked for takes the place of the last.
    """

    name: ClassVar[str] = "mlx"

    def __init__(self, server: Server, settings: Any = None) -> None:
        super().__init__(server, settings)
        self._spoke = False

    @classmethod
    def prepare(cls, spec: ServerSpec) -> ServerSpec:
        """No download by accident, unless the model's own `env` says otherwise."""
        if OFFLINE in spec.own_env:
            return spec
        offline = {OFFLINE: "1"}
        return replace(spec, env={**spec.env, **offline}, own_env={**spec.own_env, **offline})

    @classmethod
    def model_name(cls, spec: ServerSpec) -> str:
        """`upstream_model`, a path or a repository; else the one of `--model`."""
        return spec.upstream_model or DEFAULT_MODEL

    def files(self) -> Sequence[Path]:
        """See `ReadsFiles`: the weights in the folder that the command's `--model` names."""
        spec = self.server.spec
        for word, following in pairwise(spec.cmd):
            if word == "--model":
                return sorted((Path(spec.cwd or ".") / following).glob("*.safetensors"))
        return ()

    async def load(self) -> None:
        """Let it say one word; that ends when the model is in memory. Raises `LoadFailed`."""
        self._spoke = False
        name = self.model_name(self.server.spec)
        order = {"model": name, "prompt": ".", "max_tokens": 1}
        timeout = self.server.spec.start_timeout
        while not await self.alive():  # noqa: ASYNC110 - its process may have just been started
            await anyio.sleep(POLL_S)
        try:
            reply = await self.server.http.post("/v1/completions", order, timeout=timeout)
        except UpstreamError as error:
            raise LoadFailed(f"it did not answer while loading {name!r}: {error}") from error
        if not reply.ok:
            raise LoadFailed(f"it does not load {name!r}: {_message(reply.json())}")
        self._spoke = True

    async def ready(self) -> bool:
        """Never before `load`: a server that was found running may hold any model."""
        return self._spoke and await super().ready()

    async def models(self) -> Sequence[str]:
        """See `ListsModels`: what lies in the hub's cache, and the server's own `--model`.

        Without a cache folder the page is empty.
        """
        try:
            document = (await self.server.http.get("/v1/models")).json()
        except UpstreamError:
            return ()
        data = document.get("data") if isinstance(document, Mapping) else None
        entries = data if isinstance(data, list) else []
        return [str(each["id"]) for each in entries if isinstance(each, Mapping) and "id" in each]


def _message(document: object) -> str:
    """The server's errors are `{"error": text}`."""
    error = document.get("error") if isinstance(document, Mapping) else None
    return str(error or "no explanation")[:500]
