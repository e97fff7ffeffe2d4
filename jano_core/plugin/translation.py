"""What a dialect needs whose clients know nothing of OpenAI's API: calls of its own, translated for
servers that do not speak it, and pages about the models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct


class Translation(ABC):
    """One call on its way to a server that speaks OpenAI's API, and its answer on the way back.

    `path` and `body` are what the server gets, `content_type` is that of a streamed answer; a
    whole one is JSON. One object per call; no method may raise for anything that a server says.
    """

    def __init__(self, path: str, body: bytes, *, stream: bool, content_type: str) -> None:
        self.path = path
        self.body = body
        self.stream = stream
        self.content_type = content_type

    @abstractmethod
    def whole(self, document: Mapping[str, Any]) -> bytes:
        """A whole answer."""

    def event(self, document: Mapping[str, Any]) -> bytes:
        """A streamed event; empty where the client is to see nothing of it."""
        return b""

    def end(self) -> bytes:
        """The stream is complete: what its client awaits last."""
        return b""

    def sign(self) -> bytes:
        """A sign of life that clients read over; empty where the dialect has none."""
        return b""


class Listed(Struct, frozen=True, kw_only=True):
    """One name that may be asked for, as a dialect's own pages show it.

    `aliases` are more names for the same, which lists leave out; `model` is the model behind it,
    `state` that of its instance, `since` unix seconds, `memory` bytes, `ttl` seconds. What is not
    known is None.
    """

    name: str
    model: str
    aliases: Sequence[str] = ()
    state: str = "stopped"
    since: float | None = None
    memory: int | None = None
    ttl: float = 0.0
    parallel: int | None = None
    description: str = ""
    metadata: Mapping[str, Any] = {}
    backend: str = ""

    @property
    def loaded(self) -> bool:
        """Is it in memory and can be served?"""
        return self.state in ("ready", "draining")
