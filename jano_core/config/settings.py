"""Plugins' own tables: `[scheduler.settings]`, `[memory.settings]`, `[backends.X]` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .decode import decode, show
from .secrets import Secrets
from .sources import Path, Problems
from .text import mapped


def read_settings(
    owner: type[Any], raw: Mapping[str, Any], path: Path, problems: Problems
) -> Struct | None:
    """`raw` as the `Settings` that the class `owner` declares; None if it declares none."""
    if owner.Settings is not None:
        found: Struct | None = decode(owner.Settings, raw, path, problems)
        return found
    for key, value in raw.items():
        problems.add((*path, key), f'"{owner.name}" has no settings; found {show(value)}')
    return None


def read_resolved(
    owner: type[Any], raw: Mapping[str, Any], path: Path, secrets: Secrets, problems: Problems
) -> Struct | None:
    """`read_settings` with the secrets in `raw` resolved. Raises `SecretMissing`.

    What is wrong then is so behind a reference: the problems say where, and never what was found.
    """
    found = Problems([])
    settings = read_settings(owner, mapped(raw, secrets.resolve), path, found)
    for place, problem in zip(found.paths, found.found, strict=True):
        wanted, says, _ = problem.message.partition(", found ")
        why = wanted if says else "it is not what this key takes"
        problems.add(place, f"what a reference in it stands for is wrong: {why}")
    return settings


def settings_of(owner: type[Any], raw: Mapping[str, Any], secrets: Secrets) -> Struct | None:
    """The settings of a configuration that was checked, with its secrets resolved.

    Called when an object of the class `owner` is made. Raises `ConfigError` or `SecretMissing` if
    they are wrong all the same.
    """
    problems = Problems([])
    found = read_resolved(owner, raw, (), secrets, problems)
    problems.throw()
    return found
