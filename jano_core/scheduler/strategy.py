"""What a scheduling strategy is: one pure function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from .types import Plan

if TYPE_CHECKING:
    from .view import View


class Strategy(ABC):
    """Decides what to serve, load and put away; advises, while the scheduler guards.

    `name` is what `scheduler.strategy` says. `Settings`, where declared, is the schema of
    `[scheduler.settings]`; the decoded struct is handed to the constructor.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[Struct] | None] = None
    eager: bool = False
    """True for a strategy that grants a free slot at once where nobody else waits and nothing is
    being swapped, and that has no wish while nobody waits: it is not asked then. Most are; the
    default is the careful choice.
    """

    in_turn: bool = False
    """True for a strategy that, while every model that is waited for is ready and nothing is being
    swapped, does nothing but grant free slots, within a model the most urgent and then the oldest
    first: it is not asked then either.
    """

    def __init__(self, settings: Struct | None = None) -> None:
        self.settings = settings

    @abstractmethod
    def decide(self, view: View) -> Plan:
        """Called after every event and at `wake_at`. Must be pure: the same view, the same plan.

        `view.now` (seconds) is the only clock. An illegal plan or an exception is counted, named
        in the log, and answered with the built-in greedy plan instead.
        """
