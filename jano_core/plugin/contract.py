"""What all kinds of plugin have in common."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from msgspec import Struct


class Contract(ABC):
    """Base of the kinds: a name for the configuration and a schema for its settings."""

    name: ClassVar[str]
    Settings: ClassVar[type[Struct] | None] = None
