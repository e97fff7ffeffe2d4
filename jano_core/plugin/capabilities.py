"""What a backend may be able to do beyond its contract: small protocols, checked once for each
life of a server. To have one is to have its methods; nothing is declared.

When a model is put away, the cheaper step comes first and each is proven before the next:
kv (`KeepsCache`) → sleep (`CanSleep`) → unload (`Backend.release`) → stop → kill (`Launcher`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from .contracts import Usage


@runtime_checkable
class KeepsCache(Protocol):
    """What the server worked out of conversations survives its end."""

    async def save_cache(self) -> int:
        """Called when idle, before the model is put away: keep what is worth it.

        Returns how many tokens were kept. Errors are logged, and the model goes all the same.
        """
        ...

    async def restore_cache(self) -> int:
        """Called once when ready, before the first request: bring back what was kept.

        Returns how many tokens were brought back. Errors are logged, and the model serves.
        """
        ...

    def answered(self, usage: Usage) -> None:
        """Called with what the server reported of each answer: was the cache of any use?"""
        ...


@runtime_checkable
class CanSleep(Protocol):
    """The server can give its memory back without ending, and be ready again sooner."""

    async def sleep(self) -> bool:
        """Called when idle, instead of ending it. On True its memory is free by the server's word.

        On False, when it raises, and where the system sees that memory still taken some seconds
        later, the server is ended as ever.
        """
        ...

    async def wake(self) -> None:
        """Called instead of `load`, before `ready` is polled. Raises `LoadFailed`."""
        ...


@runtime_checkable
class ReportsMemory(Protocol):
    """The server says how much memory its model takes."""

    async def memory(self) -> int | None:
        """Bytes now; None if it does not tell."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """The server can be asked for one of several models."""

    async def models(self) -> Sequence[str]:
        """Names that could be loaded; empty if it does not tell."""
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """The server reads its model from large files of this box when it loads it."""

    def files(self) -> Sequence[Path]:
        """Called before the server is started: those files, in the order in which they are read.

        Empty where the server's command does not name them.
        """
        ...


class Reading(Struct, frozen=True):
    """So many tokens of a prompt are read, of about `total` where the server tells."""

    tokens: int
    total: int | None = None


@runtime_checkable
class TellsProgress(Protocol):
    """The server says how far it has read the prompts that it works on."""

    async def reading(self) -> Reading | None:
        """The prompt that is least far; None where none is being read or nothing is told."""
        ...
