"""Simulated model servers behind a real Jano: their tables for `jano.toml`, and their books."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def model_table(name: str, book: Path, options: str = "", keys: str = "") -> str:
    """A `[models.NAME]` table whose server is simulated and writes what happens to `book`.

    `options` are the server's own (`--load 0.5 --rate 50`), `keys` further lines of the table.
    """
    command = (
        f"{sys.executable} -m jano_core.testing.model_server"
        f" --port ${{PORT}} --name {name} --book {book} {options}"
    )
    return f"[models.{name}]\ncmd = {json.dumps(command)}\n{keys}\n\n"


def entries(book: Path, what: str = "", server: str = "") -> list[dict[str, Any]]:
    """What the servers wrote, in order; only lines of one kind or one server where named."""
    if not book.exists():
        return []
    lines = [json.loads(line) for line in book.read_text().splitlines()]
    return [line for line in lines if what in ("", line["what"]) and server in ("", line["server"])]


def loads(book: Path) -> Counter[str]:
    """How often each server was started."""
    return Counter(line["server"] for line in entries(book, "start"))


def most_at_once(book: Path) -> int:
    """The largest number of servers that lived at the same time."""
    living, most = set(), 0
    for line in entries(book):
        if line["what"] == "start":
            living.add(line["pid"])
        elif line["what"] in ("stop", "died"):
            living.discard(line["pid"])
        most = max(most, len(living))
    return most
