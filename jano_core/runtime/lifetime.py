"""How far one life of a model server has come, and what ends it."""

from __future__ import annotations

from enum import Enum

import anyio

from ..plugin.contracts import Description
from .life import ServerLife


class End(Enum):
    """What a life comes to."""

    ORDERED = "ordered"
    FAILED = "failed"
    CRASHED = "crashed"


class Lifetime:
    """One server from start to gone."""

    def __init__(self) -> None:
        self.parts: ServerLife | None = None
        self.about: Description | None = None
        """Set when it is ready."""
        self.scope = anyio.CancelScope()
        self.end: End | None = None
        self.why = ""
        self.detail = ""
        self.leaving = anyio.Event()
        self.gone = anyio.Event()

    def finish(self, end: End, why: str = "", detail: str = "") -> None:
        """Let it end; the first reason counts. May be called before it has begun."""
        if self.end is None:
            self.end, self.why, self.detail = end, why, detail
            self.scope.cancel()
