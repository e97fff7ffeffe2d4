"""A request that holds a slot."""

from __future__ import annotations

from msgspec import Struct

from .instance import Instance
from .types import Request


class Running(Struct, frozen=True):
    """A granted request and the life of the server that it was granted on; `granted` when."""

    request: Request
    instance: Instance
    life: int
    granted: float
