"""llama-swap's groups and matrix: which models may live together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .report import fail

GROUP = {"swap": True, "exclusive": True, "persistent": False}


def convert_residency(document: Mapping[str, Any]) -> dict[str, Any]:
    """`[memory]`; empty where one model at a time is what llama-swap would do.

    Both are looked for at the top level and below `routing.router.settings`. Raises `ConfigError`
    if there are both.
    """
    router = ((document.get("routing") or {}).get("router")) or {}
    settings = router.get("settings") or {}
    groups = document.get("groups") or settings.get("groups")
    matrix = document.get("matrix") or settings.get("matrix")
    if groups and matrix:
        # With both below the router, `use` says which one counts.
        chosen = router.get("use")
        if chosen not in ("group", "matrix") or document.get("groups") or document.get("matrix"):
            raise fail("groups and matrix exclude each other")
        groups, matrix = (None, matrix) if chosen == "matrix" else (groups, None)
    if matrix:
        return {"rule": "matrix", "settings": {"matrix": matrix}}
    tables = {str(name): _group(str(name), group) for name, group in (groups or {}).items()}
    if all(_is_default(group) for group in tables.values()):
        return {}
    return {"rule": "groups", "settings": {"groups": tables}}


def _group(name: str, written: object) -> dict[str, Any]:
    if not isinstance(written, Mapping) or not isinstance(written.get("members"), list):
        raise fail(f"groups.{name} must have a list of members")
    flags = {
        key: default if written.get(key) is None else bool(written[key])
        for key, default in GROUP.items()
    }
    return {**flags, "members": written["members"]}


def _is_default(group: Mapping[str, Any]) -> bool:
    """A group that swaps inside and excludes all others: then never do two models live together."""
    return all(group[key] is default for key, default in GROUP.items())
