"""llama-server's router mode: one server that holds several models in processes of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import anyio

from jano_core import LoadFailed, Server, UpstreamError

POLL_S = 0.1
SERVING = ("loaded", "sleeping")
"""A sleeping one wakes with the next request."""


class Router:
    """One model of a router. Its answers to load and unload come before the effect, so that the
    effect is awaited here; and it would cut short what runs, so that it is drained first.
    """

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._model = model
        self.query = f"?model={quote(model, safe='')}&autoload=false"
        """Asks the model's own process, and loads nothing by asking."""

    async def load(self) -> None:
        """Order it; raises `LoadFailed` if the router has no such model."""
        reply = await self._server.http.post("/models/load", {"model": self._model})
        if reply.ok or await self.status() in ("loading", "loaded"):
            return
        text = reply.body[:300].decode(errors="replace")
        raise LoadFailed(f"the router does not load {self._model!r}: {text}")

    async def ready(self) -> bool:
        """Raises `LoadFailed` when its process has failed."""
        entry = await self._entry()
        status = entry.get("status") if entry else None
        if isinstance(status, Mapping) and status.get("failed"):
            raise LoadFailed(f"the router's process exited with status {status.get('exit_code')}")
        return isinstance(status, Mapping) and status.get("value") in SERVING

    async def unload(self) -> None:
        """Returns when it is out of memory. Bounded by who calls it."""
        await self._server.http.post("/models/unload", {"model": self._model})
        while not await self._gone():  # noqa: ASYNC110
            await anyio.sleep(POLL_S)

    async def status(self) -> str:
        """The router's word for it; empty where it has none."""
        return _status(await self._entry())

    async def models(self) -> dict[str, str]:
        """Every model of the router and its status."""
        found = {}
        for entry in await self._entries() or ():
            status = entry.get("status")
            value = status.get("value") if isinstance(status, Mapping) else None
            found[str(entry.get("id"))] = str(value)
        return found

    async def _gone(self) -> bool:
        entries = await self._entries()  # no answer proves nothing
        return entries is not None and _status(self._of(entries)) in ("unloaded", "downloaded", "")

    async def _entry(self) -> Mapping[str, Any] | None:
        return self._of(await self._entries() or [])

    def _of(self, entries: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        for entry in entries:
            if self._model in (entry.get("id"), *_texts(entry.get("aliases"))):
                return entry
        return None

    async def _entries(self) -> list[Mapping[str, Any]] | None:
        try:
            document = (await self._server.http.get("/models")).json()
        except UpstreamError:
            return None
        data = document.get("data") if isinstance(document, Mapping) else None
        return [row for row in data if isinstance(row, Mapping)] if isinstance(data, list) else None


def _status(entry: Mapping[str, Any] | None) -> str:
    status = entry.get("status") if entry else None
    return str(status.get("value", "")) if isinstance(status, Mapping) else ""


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
