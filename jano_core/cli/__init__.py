"""The command `jano`."""

from __future__ import annotations

from .group import cli


def main() -> None:
    """Run the command line; does not return."""
    cli(prog_name="jano")
