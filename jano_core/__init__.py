"""Jano: a router and queue for language models on your own hardware.

What is exported here is the vocabulary of plugin authors; everything else is inside.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .errors import JanoError, LoadFailed, Refused, StopFailed, UpstreamError
    from .plugin.capabilities import (
        CanSleep,
        KeepsCache,
        ListsModels,
        Reading,
        ReadsFiles,
        ReportsMemory,
        TellsProgress,
    )
    from .plugin.command import Command
    from .plugin.contracts import (
        Authenticator,
        Backend,
        Caller,
        Description,
        Dialect,
        Launcher,
        Usage,
        UsageNormalizer,
    )
    from .plugin.hookspecs import hookimpl
    from .plugin.server import Http, Reply, Server, ServerSpec
    from .plugin.translation import Listed, Translation
    from .plugin.waiting import until
    from .scheduler.residency import ResidencyRule
    from .scheduler.strategy import Strategy
    from .scheduler.types import (
        Because,
        InstanceView,
        Load,
        Model,
        Plan,
        Priority,
        Reject,
        Request,
        Serve,
        State,
        Stats,
    )
    from .scheduler.view import View

_HOMES = {
    "errors": "JanoError LoadFailed Refused StopFailed UpstreamError",
    "plugin.command": "Command",
    "plugin.capabilities": (
        "CanSleep KeepsCache ListsModels Reading ReadsFiles ReportsMemory TellsProgress"
    ),
    "plugin.contracts": (
        "Authenticator Backend Caller Description Dialect Launcher Usage UsageNormalizer"
    ),
    "plugin.hookspecs": "hookimpl",
    "plugin.server": "Http Reply Server ServerSpec",
    "plugin.translation": "Listed Translation",
    "plugin.waiting": "until",
    "scheduler.residency": "ResidencyRule",
    "scheduler.strategy": "Strategy",
    "scheduler.types": (
        "Because InstanceView Load Model Plan Priority Reject Request Serve State Stats"
    ),
    "scheduler.view": "View",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Authenticator",
    "Backend",
    "Because",
    "Caller",
    "CanSleep",
    "Command",
    "Description",
    "Dialect",
    "Http",
    "InstanceView",
    "JanoError",
    "KeepsCache",
    "Launcher",
    "Listed",
    "ListsModels",
    "Load",
    "LoadFailed",
    "Model",
    "Plan",
    "Priority",
    "Reading",
    "ReadsFiles",
    "Refused",
    "Reject",
    "Reply",
    "ReportsMemory",
    "Request",
    "ResidencyRule",
    "Serve",
    "Server",
    "ServerSpec",
    "State",
    "Stats",
    "StopFailed",
    "Strategy",
    "TellsProgress",
    "Translation",
    "UpstreamError",
    "Usage",
    "UsageNormalizer",
    "View",
    "__version__",
    "hookimpl",
    "until",
]


def __getattr__(name: str) -> object:
    """Import on first use, so that `jano --help` pays for nothing."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f".{home}", __name__), name)
    return found
