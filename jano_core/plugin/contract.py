"""What all kinds of plugin have in common."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from msgspec import Struct


class Contract(ABC):
    """Base of the kinds: a name for the configuration and a schema for its settings."""

    name: ClassVar[str]
    Settings: ClassVar[type[Struct] | None] = None
    """Where one is declared, objects are made with one of it. A kind that no key of the
    configuration names (dialects, usage normalizers) finds it in `[plugins.NAME]`.
    """
