"""Durations and sizes as people write them, and back."""

from __future__ import annotations

import re
from typing import Any, ClassVar

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(rf"{_NUMBER}\s*(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER}\s*([kKMGT]?i?B)", re.ASCII)

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


class Duration(float):
    """Seconds, written `"250ms"`, `"30s"`, `"15m"`, `"2h"`, `"90d"` or as a number."""

    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"type": "string", "pattern": r"^(\d+(\.\d+)?|\.\d+)\s*(ms|s|m|h|d)$"},
            {"type": "number", "minimum": 0},
        ],
        "description": 'A duration: "250ms", "30s", "15m", "2h", or a number of seconds',
    }

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Read a duration; raises `ValueError` that says what is allowed."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 0 <= value < float("inf"):
                return cls(value)
        elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
            return cls(float(found[1]) * _SECONDS[found[2]])
        raise ValueError(
            f'{value!r} is not a duration; write "250ms", "30s", "15m", "2h" or seconds as a number'
        )


class Size(int):
    """Bytes, written `"22GiB"`, `"800MB"` or as a whole number."""

    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"type": "string", "pattern": r"^(\d+(\.\d+)?|\.\d+)\s*[kKMGT]?i?B$"},
            {"type": "integer", "minimum": 0},
        ],
        "description": 'A size: "22GiB", "800MB", or a number of bytes',
    }

    @classmethod
    def parse(cls, value: object) -> Size:
        """Read a size; raises `ValueError` that says what is allowed."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
            return cls(float(found[1]) * _BYTES[found[2]])
        raise ValueError(f'{value!r} is not a size; write "22GiB", "800MB" or bytes as a number')


def show_duration(seconds: float) -> str:
    """The shortest fair form for people: `0.4s`, `20s`, `2m10s`, `1h05m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def show_size(size: float) -> str:
    """Binary units with one decimal: `22.0 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
