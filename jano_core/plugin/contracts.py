"""The kinds of thing a plugin can provide. Each is a class with a `name`, which is the word that
the configuration uses, and optionally `Settings`, the schema of its own table.

Strategies and residency rules are pure and live in `jano_core.scheduler`; the kinds here act on
the world. None of them may block the event loop; all of them may be cancelled at any await.
"""

from __future__ import annotations

from .authenticator import Authenticator, Caller
from .backend import Backend, Description
from .contract import Contract
from .dialect import Dialect
from .launcher import Launcher
from .usage import NOTHING, Usage, UsageNormalizer

__all__ = [
    "NOTHING",
    "Authenticator",
    "Backend",
    "Caller",
    "Contract",
    "Description",
    "Dialect",
    "Launcher",
    "Usage",
    "UsageNormalizer",
]
