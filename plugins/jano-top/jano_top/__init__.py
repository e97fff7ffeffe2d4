"""`jano top`: a live screen of models, queue and swaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jano_core import Command, hookimpl

if TYPE_CHECKING:
    import click

__all__ = ["Top", "jano_commands"]


class Top(Command):
    """The command; what it draws with is imported when it is called."""

    name = "top"
    help = "Watch models and queue live."

    @classmethod
    def make(cls) -> click.Command:
        from .command import command

        return command


@hookimpl
def jano_commands() -> list[type[Top]]:
    """The one command of this plugin."""
    return [Top]
