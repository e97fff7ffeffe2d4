"""A wire API, as its clients know it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from ..errors import Refused
from .contract import Contract
from .translation import Listed, Translation


class Dialect(Contract):
    """How a wire API shows errors and signs of life. Stateless; one object serves all."""

    prefixes: ClassVar[tuple[str, ...]] = ()
    """Paths that speak this dialect; the longest match of all dialects wins."""

    calls: ClassVar[tuple[str, ...]] = ()
    """POST paths of its own that name a model in a JSON body."""

    pages: ClassVar[Mapping[str, Literal["GET", "POST"]]] = {}
    """Paths of its own that Jano answers itself, with their methods."""

    def translate(self, path: str, body: bytes) -> Translation:
        """One of `calls`, for a server that does not speak this dialect. Raises `Refused`."""
        raise NotImplementedError

    def adjust(self, path: str, body: bytes) -> bytes:
        """One of `calls`, for a server that speaks it: without what would upset Jano's plans.

        Raises `Refused`.
        """
        return body

    def streams_lines(self, path: str, body: bytes) -> bool:
        """One of `calls`, for a server that speaks it: is the answer a stream of JSON lines, of
        which `keepalive` may be one?
        """
        return False

    def page(self, path: str, models: Sequence[Listed], body: bytes) -> object:
        """The JSON value of one of `pages`; `models` are those that the caller may ask for.

        Raises `Refused`.
        """
        raise NotImplementedError

    @abstractmethod
    def error(self, refused: Refused) -> bytes:
        """The JSON body of an error."""

    def status(self, refused: Refused) -> int:
        """The HTTP status of an error."""
        return refused.status

    @abstractmethod
    def stream_error(self, refused: Refused) -> bytes:
        """The last event of a stream whose head is out."""

    @abstractmethod
    def keepalive(self, text: str) -> bytes:
        """A sign of life for a waiting or silent stream; clients must ignore it."""

    def loading(self, text: str, model: str) -> bytes | None:
        """A visible chunk about loading (`loading_state`), or None where there is no such thing."""
        return None
