"""Reads `.env` files as the original did: `NAME=value` lines, comments, quotes, `export`."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*
    (?:'((?:\\'|[^'])*)' | "((?:\\"|[^"])*)" | ([^#\r\n]*))
    [ \t]*(?:\#[^\r\n]*)?\r?$""",
    re.MULTILINE | re.VERBOSE,
)


def parse(text: str) -> dict[str, str]:
    """The variables of a `.env` text; the last one of a name wins.

    Quoted values may span lines; only in double quotes `\\n` and `\\r` stand for line ends.
    """
    found: dict[str, str] = {}
    for name, single, double, bare in _LINE.findall(text):
        if double:
            found[name] = double.replace("\\n", "\n").replace("\\r", "\r")
        else:
            found[name] = single or bare.strip()
    return found
