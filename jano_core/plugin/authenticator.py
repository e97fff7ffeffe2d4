"""Who asks, and what it may."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from msgspec import Struct

from .contract import Contract


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks. `name` appears in queue and usage; `consumed` are headers not to be forwarded."""

    name: str = ""
    owner: str = ""
    consumed: frozenset[bytes] = frozenset()
    scopes: frozenset[str] = frozenset({"infer", "manage", "admin"})
    models: frozenset[str] | None = None
    priority_ceiling: int = 0


class Authenticator(Contract):
    """Turns request headers into a caller, or refuses."""

    def __init__(self, settings: Struct | None = None) -> None:
        self.settings = settings

    @abstractmethod
    def admit(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """Raises `Refused("invalid_api_key")` or `Refused("permission_denied")`.

        `headers` have lower-case names; `peer` is the client's address, empty on a unix socket.
        """
