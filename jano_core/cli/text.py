"""Text in columns."""

from __future__ import annotations


def cut(text: str, width: int) -> str:
    """At most `width` columns on one line; what is left out shows as `…`."""
    text = " ".join(text.splitlines())
    return text if len(text) <= width else text[: width - 1] + "…"


def padded(text: str, width: int) -> str:
    """Exactly `width` columns, the last of them empty."""
    return f"{cut(text, width - 1):{width}}"
