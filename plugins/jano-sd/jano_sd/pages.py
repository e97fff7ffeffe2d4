"""Reading an engine's pages."""

from __future__ import annotations

from typing import Any

from jano_core import Http, UpstreamError


async def page(http: Http, path: str) -> Any:
    """The decoded page, or None where the server does not give it."""
    try:
        reply = await http.get(path)
    except UpstreamError:
        return None
    return reply.json() if reply.ok else None


def member(document: object, *path: str | int) -> Any:
    """What stands at a path of names and places in a document, None where nothing does."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document
