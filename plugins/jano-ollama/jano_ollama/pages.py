"""Ollama's pages about models, of models that may be any server's.

What Jano does not know (digests, sizes of files, quantization) is left out, or is zero or empty
where Ollama's own clients need a value of the type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from jano_core import Listed, Refused

NEVER = "9999-12-31T23:59:59Z"


def tags(models: Sequence[Listed]) -> dict[str, Any]:
    """`/api/tags`: all there are."""
    return {"models": [_entry(each) for each in models]}


def running(models: Sequence[Listed]) -> dict[str, Any]:
    """`/api/ps`: those in memory."""
    return {"models": [_resident(each) for each in models if each.loaded]}


def show(models: Sequence[Listed], body: bytes) -> dict[str, Any]:
    """`/api/show`: one of them. Raises `Refused`."""
    try:
        asked = msgspec.json.decode(body, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_request", f"a model must be named: {error}")
    wanted = (asked.model or asked.name).casefold()
    for each in models:
        if wanted in (name.casefold() for name in (each.name, *each.aliases)):
            return _shown(each)
    raise Refused("model_not_found", f"model '{asked.model or asked.name}' not found")


class _Named(Struct):
    model: str = ""
    name: str = ""


def _entry(each: Listed) -> dict[str, Any]:
    return {
        "name": each.name,
        "model": each.name,
        "modified_at": _time(each.since or 0),
        "size": each.memory or 0,
        # An identity for clients that compare digests; there is no file that it is taken of.
        "digest": hashlib.sha256(each.name.encode()).hexdigest(),
        "details": _details(each),
    }


def _resident(each: Listed) -> dict[str, Any]:
    entry = _entry(each)
    del entry["modified_at"]
    ends = _time(each.since + each.ttl) if each.ttl and each.since else NEVER
    return {**entry, "expires_at": ends, "size_vram": each.memory or 0}


def _shown(each: Listed) -> dict[str, Any]:
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "license": "",
        "modified_at": _time(each.since or 0),
        "details": _details(each),
        "model_info": {"general.basename": each.model, **each.metadata.get("model_info", {})},
        "capabilities": each.metadata.get("capabilities", ["completion", "tools"]),
    }


def _details(each: Listed) -> dict[str, Any]:
    return {
        "parent_model": "" if each.name == each.model else each.model,
        "format": each.metadata.get("format", ""),
        "family": each.metadata.get("family", ""),
        "families": each.metadata.get("families", []),
        "parameter_size": each.metadata.get("parameter_size", ""),
        "quantization_level": each.metadata.get("quantization_level", ""),
    }


def _time(at: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).isoformat()
