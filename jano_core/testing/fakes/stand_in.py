"""A fake as the stand-in that `BackendContract` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from ...errors import UpstreamError
from ...plugin.server import Reply
from ..backend_contract import StandIn
from .server import FakeServer, encoded


class FakeStandIn(StandIn):
    """Answers as the fake does; `starts` is the model that comes with the process, if one does."""

    def __init__(self, fake: FakeServer, *, starts: bool = False) -> None:
        super().__init__()
        self.fake = fake
        self._starts = starts
        self.load_s = fake.ways.load_s

    @property
    def loads_at_start(self) -> bool:
        """See `StandIn`."""
        return self._starts

    @property
    def loaded(self) -> bool:
        """See `StandIn`."""
        return self.fake.servable(self.model)

    def begin(self) -> None:
        """See `StandIn`."""
        self.fake.start()

    async def answer(self, method: str, path: str, body: Any) -> Reply:
        """See `StandIn`."""
        parts = urlsplit(path)
        query: Mapping[str, str] = dict(parse_qsl(parts.query))
        try:
            status, answer = await self.fake.answer(method, parts.path, query, body or {})
        except httpx.TransportError as error:
            raise UpstreamError(str(error)) from error
        return Reply(status, encoded(answer))
