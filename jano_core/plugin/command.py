"""A command that a plugin adds to `jano`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from .contracts import Contract


class Command(Contract):
    """Called as `jano NAME …`. Found when it is asked for, so that `jano --help` stays quick."""

    help: ClassVar[str] = ""
    """One line, shown by `jano plugins`."""

    @classmethod
    @abstractmethod
    def make(cls) -> Any:
        """The `click.Command`; called once, when the command is run. Import here what it needs.

        `jano_core.cli.router` finds the running router and talks to it.
        """
