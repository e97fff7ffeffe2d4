"""What a reload means for the servers that run."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from .schema import Config

SERVER_KEYS = (
    "backend", "launch", "cmd", "cmd_stop", "cwd", "env", "url", "unit", "label", "settings",
    "upstream_model", "health", "parallel", "resident", "save_kv",
)  # fmt: skip
"""The keys of a model that its running server was started with; the others take effect at once."""


class Difference(Struct, frozen=True):
    """Models by name: `changed` need a new server, all that is not named here keeps its own."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def diff(old: Config, new: Config) -> Difference:
    """Compare two completed configurations."""
    return Difference(
        added=tuple(name for name in new.models if name not in old.models),
        changed=tuple(
            name
            for name in new.models
            if name in old.models and _server(old, name) != _server(new, name)
        ),
        removed=tuple(name for name in old.models if name not in new.models),
    )


def _server(config: Config, name: str) -> list[Any]:
    """Everything that the server of `name` was started with."""
    table = config.models[name]
    own = [getattr(table, key) for key in SERVER_KEYS]
    script = config.swap.command if table.launch == "script" else ""
    return [*own, script, config.backends.get(table.backend, {})]
