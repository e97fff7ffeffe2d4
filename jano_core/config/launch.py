"""What a model's keys imply: how its server is launched, which health path it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .schema import Config, ModelTable, SwapTable


def implied_launch(table: ModelTable, swap: SwapTable) -> str:
    """The `launch` of a model that does not name one; empty if nothing implies any.

    A url alone means a server that is up anyway, unless there is a swap script that brings it up;
    a resident model is never swapped, so its url means what it says.
    """
    if table.launch:
        return table.launch
    if table.cmd:
        return "process"
    if table.unit:
        return "systemd"
    if table.label:
        return "launchd"
    if table.url:
        return "script" if swap.command and not table.resident else "attach"
    return ""


def completed(config: Config, backends: Mapping[str, type[Any]]) -> Config:
    """`config` with `launch` and `health` of every model written out, and urls without a
    trailing slash, since paths are appended to them.
    """
    models = {}
    for name, table in config.models.items():
        backend = backends.get(table.backend)
        models[name] = msgspec.structs.replace(
            table,
            launch=implied_launch(table, config.swap),
            health=table.health or (backend.health if backend else ""),
            url=table.url.rstrip("/"),
        )
    return msgspec.structs.replace(config, models=models)
