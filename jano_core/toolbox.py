"""For plugins that launch model servers: commands run to their end, and whose a port is."""

from __future__ import annotations

from .runtime.command import run_command
from .runtime.ports import free_port, holder, stranger

__all__ = ["free_port", "holder", "run_command", "stranger"]
