"""What was found, as a configuration that explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...units import show_size
from ..toml_writer import dumps
from .find import Find, distinct
from .hardware import Memory

HEAD = """\
# Written by `jano init`. `jano check` says whether it is right, `jano serve` runs it;
# `jano schema` lists every key.

[server]
host = "127.0.0.1"   # another address needs keys: see [auth]
port = 8082

[memory]
{memory}
"""

EXAMPLE = """
# Nothing was found that could be served. A model is a command, or the address of a server:
#
# [models.chat]
# backend = "llamacpp"
# cmd = "llama-server -m /models/chat.gguf --port ${PORT}"
"""


def render(finds: Iterable[Find], memory: Memory) -> str:
    """The whole file."""
    models = list(distinct(finds))
    text = HEAD.format(memory="\n".join(_memory(memory)))
    return text + ("".join(map(_table, models)) if models else EXAMPLE)


def _memory(memory: Memory) -> Iterator[str]:
    shared = ", which the GPU shares" if memory.unified else ""
    yield f"# This box has {show_size(memory.ram)} of memory{shared}."
    for place, size in enumerate(memory.gpus):
        yield f"# GPU {place} has {show_size(size)}."
    yield "# Without a budget one model is in memory at a time. With one, and a `memory` for each"
    yield "# model that says so, as many as fit:"
    yield f'# budget = "{memory.for_models // 2**30}GiB"'


def _table(find: Find) -> str:
    notes = [*find.notes]
    if find.lacks:
        notes.append(f"needs {find.lacks}; then take the # away:")
    body = dumps({"models": {find.name: dict(find.table)}})
    if find.lacks:
        body = "".join(f"# {line}\n" for line in body.splitlines())
    return "\n" + _comment(notes) + body


def _comment(lines: Sequence[str]) -> str:
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)
