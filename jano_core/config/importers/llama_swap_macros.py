"""llama-swap's macros and environment references, expanded as it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .report import fail

_ENV = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_REFERENCE = re.compile(r"\$\{([^{}:]+)\}")

RUNTIME = ("PORT", "PID", "MODEL")
"""What stays for the launcher; `MODEL` is what `MODEL_ID` became."""


def keep_env_references(text: str) -> str:
    """`${env.NAME}` as Jano's `${env:NAME}`, so that no value gets into the configuration."""
    return _ENV.sub(r"${env:\1}", text)


def read_macros(written: object, where: str) -> dict[str, Any]:
    """The macros of one table in order of definition; raises `ConfigError`."""
    if written is None:
        return {}
    if not isinstance(written, Mapping):
        raise fail(f"{where} must be a mapping")
    for name, value in written.items():
        if not _NAME.fullmatch(str(name)) or name in ("PORT", "PID", "MODEL_ID"):
            raise fail(f'{where}: "{name}" is no name for a macro')
        if not isinstance(value, str | int | float | bool):
            raise fail(f"{where}: the macro {name} must be a string, a number or a boolean")
    return {str(name): value for name, value in written.items()}


def expand(node: Any, macros: Mapping[str, Any], where: str) -> Any:
    """`node` with every macro replaced, the last defined one first, so that a macro may use those
    before it. A string that is nothing but one macro takes its type. Raises `ConfigError` for an
    unknown one.
    """
    if isinstance(node, Mapping):
        return {key: expand(value, macros, f"{where}.{key}") for key, value in node.items()}
    if isinstance(node, list):
        return [expand(value, macros, where) for value in node]
    if not isinstance(node, str):
        return node
    text = node.replace("${MODEL_ID}", "${MODEL}")
    for name, value in reversed(list(macros.items())):
        if text == f"${{{name}}}":
            if not isinstance(value, str):
                return value
            text = value
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        text = text.replace(f"${{{name}}}", shown)
    text = text.replace("${MODEL_ID}", "${MODEL}")
    for name in _REFERENCE.findall(text):
        if name not in RUNTIME:
            raise fail(f"{where}: unknown macro ${{{name}}}")
    return text
