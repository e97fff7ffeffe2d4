"""What a running llama-server speaks, in single-model mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jano_core import Backend, Description, Reply, UpstreamError


class LlamaCpp(Backend):
    """One llama-server with one model.

    It loads when its process starts and answers 503 on every path until it has, so that the
    contract's own `ready` and `alive` say the truth. The model name in a request is ignored by
    the server and therefore left as the caller wrote it.
    """

    name: ClassVar[str] = "llamacpp"

    async def describe(self) -> Description:
        """`/props` says how many requests are served at once and how long a context may be.

        Servers behind `--api-key` or started without that page say nothing; then the
        configuration's `parallel` holds.
        """
        props = await self._page("/props")
        if not isinstance(props, Mapping):
            return Description()
        settings = props.get("default_generation_settings")
        return Description(
            parallel=_positive(props.get("total_slots")),
            context=_positive(settings.get("n_ctx")) if isinstance(settings, Mapping) else None,
        )

    async def busy(self) -> int | None:
        """Slots at work, as `/slots` lists them; None with `--no-slots`."""
        slots = await self._page("/slots")
        if not isinstance(slots, list):
            return None
        return sum(1 for slot in slots if isinstance(slot, Mapping) and slot.get("is_processing"))

    async def resident(self) -> Mapping[str, int | None] | None:
        """The one model, unless `--sleep-idle-seconds` has put its weights away."""
        props = await self._page("/props")
        if not isinstance(props, Mapping):
            return None
        return {} if props.get("is_sleeping") else {self.server.spec.model: None}

    async def _page(self, path: str) -> Any:
        """The decoded page, or None where the server does not give it."""
        try:
            reply: Reply = await self.server.http.get(path)
        except UpstreamError:
            return None
        return reply.json() if reply.ok else None


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
