"""Plain data into the schema's structs, one key at a time, so that every wrong key is found.

msgspec alone stops at the first error and hides the names of keys in its paths.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from .sources import Path, Problems

_MISSING = object()
_AT = re.compile(r" - at `\$.*`$")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def decode(struct: type[msgspec.Struct], data: object, path: Path, problems: Problems) -> Any:
    """A `struct` from the table `data`; whatever is wrong goes to `problems`.

    Wrong keys are left out of the result, which is None where required ones are missing.
    """
    if not isinstance(data, Mapping):
        problems.add(path, f"expected a table, found {show(data)}")
        return None
    fields = _fields(struct)
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in fields:
            problems.add((*path, key), unknown_key(key, fields))
        elif (found := _field(fields[key].type, value, (*path, key), problems)) is not _MISSING:
            values[fields[key].name] = found
    missing = [field for field in fields.values() if field.required and field.name not in values]
    for field in missing:
        if field.encode_name not in data:
            problems.add(path, f'the key "{field.encode_name}" is missing', table=True)
    return None if missing else struct(**values)


def show(value: object) -> str:
    """What was found, short enough for one line."""
    if isinstance(value, Mapping):
        return "a table"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unknown_key(key: str, known: Mapping[str, object]) -> str:
    """The message for a key that is not in the schema."""
    near = get_close_matches(key, known, n=1)
    if near:
        return f'unknown key; did you mean "{near[0]}"?'
    return f"unknown key; known are {', '.join(known)}" if known else "unknown key; there are none"


@cache
def _fields(struct: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """By key. Looked up once: msgspec evaluates every annotation for it."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def _field(kind: Any, value: object, path: Path, problems: Problems) -> Any:
    if get_origin(kind) is Annotated and isinstance(get_args(kind)[0], type):
        plain = get_args(kind)[0]
    else:
        plain = kind
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        found = decode(plain, value, path, problems)
        return _MISSING if found is None else found
    if get_origin(plain) is dict:
        return _mapping(get_args(plain)[1], value, path, problems)
    if value == "" and _optional(plain) and str not in get_args(plain):
        return None
    try:
        return msgspec.convert(value, kind, dec_hook=lambda wanted, found: wanted.parse(found))
    except msgspec.ValidationError as error:
        problems.add(path, _reworded(error, kind, value))
        return _MISSING


def _mapping(kind: Any, value: object, path: Path, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.add(path, f"expected a table, found {show(value)}")
        return _MISSING
    entries = {key: _field(kind, item, (*path, key), problems) for key, item in value.items()}
    return {key: item for key, item in entries.items() if item is not _MISSING}


def _optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and types.NoneType in get_args(kind)


def _reworded(error: msgspec.ValidationError, kind: Any, value: object) -> str:
    """msgspec's message in the words of a configuration, with what was found."""
    message = _AT.sub("", str(error))
    if isinstance(error.__cause__, ValueError):
        return message  # our own types say everything themselves
    if message.startswith("Invalid enum value"):
        allowed = ", ".join(f'"{word}"' for word in get_args(kind))
        return f"{show(value)} is not allowed; write one of {allowed}"
    wanted = message.partition(",")[0].removeprefix("Expected ")
    wanted = re.sub(r" \| null", "", wanted).replace(" | ", " or ")
    for word, people in _WORDS.items():
        wanted = re.sub(rf"\b{word}\b(?![^`]* of)", people, wanted)
    return f"expected {wanted.replace('`', '')}, found {show(value)}"
