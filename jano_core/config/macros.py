"""`[macros]`: names for pieces of text that several models share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from .sources import Path, Problems

LATER = frozenset({"PORT", "MODEL", "PID"})
"""Left for the launcher, which alone knows them."""

_NAME = re.compile(r"\$\{([^{}:]*)\}")


def expand(data: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """`data` with every `${name}` in the macros and in any string of a model replaced.

    A macro may use those above it. References to secrets have a colon and are left alone.
    """
    written = data.get("macros", {})
    models = data.get("models", {})
    if not (isinstance(written, Mapping) and isinstance(models, Mapping)):
        return data  # the schema will name what is wrong
    macros: dict[str, str] = {}
    for name, value in written.items():
        if isinstance(value, str):
            macros[name] = _expanded(value, macros, ("macros", name), problems, written)
    return {
        **data,
        "macros": {**written, **macros},
        "models": _tree(models, macros, ("models",), problems),
    }


def _tree(node: Any, macros: Mapping[str, str], path: Path, problems: Problems) -> Any:
    if isinstance(node, str):
        return _expanded(node, macros, path, problems)
    if isinstance(node, Mapping):
        return {key: _tree(value, macros, (*path, key), problems) for key, value in node.items()}
    if isinstance(node, list):
        return [_tree(value, macros, path, problems) for value in node]
    return node


def _expanded(
    text: str,
    macros: Mapping[str, str],
    path: Path,
    problems: Problems,
    all_macros: Mapping[str, Any] = {},
) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in macros:
            return macros[name]
        if name not in LATER:
            problems.add(path, _unknown(name, macros, all_macros))
        return found[0]

    return _NAME.sub(value, text)


def _unknown(name: str, macros: Mapping[str, str], all_macros: Mapping[str, Any]) -> str:
    if name in all_macros:
        return f"the macro ${{{name}}} is defined only here or below; a macro may use those above"
    near = get_close_matches(name, [*macros, *LATER], n=1)
    if near:
        hint = f"did you mean ${{{near[0]}}}?"
    else:
        hint = f"a variable of the environment is written ${{env:{name}}}"
    return f"unknown macro ${{{name}}}; {hint}"
