"""What the gateway must know of a request's body: which model, and whether it streams.

The fast way lets msgspec validate the document and pick two members (a quarter of a millisecond
per MiB). It would silently take the last of two `model` members, so a body in which the name could
stand twice, and one too deeply nested for msgspec, is walked by `members.py` instead.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ..errors import Refused
from .members import Buffer, Malformed, members

MOST_TOKENS = 10**12
BIG = 64 * 1024
_NAME = b'"model"'
_FIRST = re.compile(rb'\s*\{\s*"model"\s*:\s*"([^"\\]*)"')
_ESCAPED_NAME = re.compile(rb"\\u006[45cdfCDF]")
"""An escape of one of the letters of `model`: nobody writes that, but it is the same name."""


class Peek(Struct, frozen=True):
    """What was found. `model` is as the caller wrote it, never empty; `limit` the most tokens that
    the answer may have, None where it is not said plainly.
    """

    model: str
    stream: bool = False
    limit: int | None = None


class _Picked(Struct, gc=False):
    model: Any = None
    stream: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    n_predict: Any = None

    def limit(self) -> int | None:
        """By whatever name a dialect knows it."""
        said = (
            self.max_tokens
            or self.max_completion_tokens
            or self.max_output_tokens
            or self.n_predict
        )
        return min(said, MOST_TOKENS) if type(said) is int and said > 0 else None


_pick = msgspec.json.Decoder(_Picked).decode


def peek(body: Buffer) -> Peek:
    """Read a JSON body; raises `Refused`: invalid_json, model_required or model_ambiguous."""
    try:
        picked = _pick(body)
    except RecursionError:
        return _walk(body)
    except msgspec.ValidationError:
        raise _no_object(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(error)
    model = picked.model
    if not _is_first_and_last(body, model) and _may_repeat(body):
        return _walk(body)
    if type(model) is not str or not model:
        return Peek(one_of(set()))
    return Peek(model, picked.stream is True, picked.limit())


def one_of(models: set[str]) -> str:
    """The only model among those named; raises `Refused`."""
    if len(models) > 1:
        found = ", ".join(repr(name) for name in sorted(models))
        raise Refused(
            "model_ambiguous", f"the request names more than one model: {found}", param="model"
        )
    if not models or not (name := models.pop()):
        raise Refused(
            "model_required", "the request must name a model, as text, in `model`", param="model"
        )
    return name


def _walk(body: Buffer) -> Peek:
    try:
        found = members(body)
    except Malformed as error:
        raise _invalid(error)
    if found is None:
        return Peek(one_of(set()))
    models = {bytes(body[member.value : member.end]) for member in found.named("model")}
    streams = [bytes(body[member.value : member.end]) for member in found.named("stream")]
    return Peek(_model(models), streams[-1:] == [b"true"])


def _model(raw: set[bytes]) -> str:
    if any(not value.startswith(b'"') for value in raw):
        return one_of(set())
    try:
        return one_of({msgspec.json.decode(value, type=str) for value in raw})
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(error)


def _is_first_and_last(body: Buffer, model: Any) -> bool:
    """The name that msgspec found, which is the last, also stands first. Whichever of two a server
    would take, it takes this one, and a big body need not be searched for a second, which takes
    as long as to validate it.
    """
    if len(body) < BIG or (first := _FIRST.match(body)) is None:
        return False
    return model == first[1].decode(errors="replace")


def _may_repeat(body: Buffer) -> bool:
    first = body.find(_NAME)
    if body.rfind(_NAME) > first:  # backwards it is found, or not, in half the time
        return True
    escape = body.find(b"\\")
    return escape >= 0 and _ESCAPED_NAME.search(body, escape) is not None


def _no_object(body: Buffer) -> Refused:
    try:
        msgspec.json.decode(body, type=Raw)
    except msgspec.DecodeError as error:
        return _invalid(error)
    except RecursionError:
        pass
    return Refused("model_required", "the body must be a JSON object with a `model`", param="model")


def _invalid(error: Exception) -> Refused:
    return Refused("invalid_json", f"the body is not valid JSON: {error}")
