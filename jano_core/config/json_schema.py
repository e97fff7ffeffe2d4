"""The JSON Schema of a configuration, what the installed plugins add to it included.

Structs are walked here as `decode.py` walks them, so that both agree on unknown keys, on unset
values and on our own types; only the types of single keys are left to msgspec.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from ..plugin.registry import Registry
from ..units import Duration, Size
from .schema import Config

Schema = dict[str, Any]


def json_schema(registry: Registry) -> Schema:
    """A JSON Schema (2020-12) of the whole configuration, for editors and `jano schema`."""
    schema = _struct(Config)
    tables = schema["properties"]
    _add_choice(tables["scheduler"], "strategy", registry.strategies)
    _add_choice(tables["memory"], "rule", registry.residency_rules)
    _add_choice(tables["auth"], "authenticator", registry.authenticators)
    model = tables["models"]["additionalProperties"]
    _add_choice(model, "launch", registry.launchers)
    model["properties"]["launch"]["enum"].insert(0, "")  # what the other keys imply
    model["properties"]["backend"]["enum"] = sorted(registry.backends)
    tables["backends"] = {
        "type": "object",
        "description": "`[backends.X]`: a backend's own settings.",
        "properties": {name: _settings(each) for name, each in sorted(registry.backends.items())},
        "additionalProperties": False,
    }
    readers = {each.name: _settings(each) for each in registry.unnamed if each.Settings}
    tables["plugins"]["properties"] = dict(sorted(readers.items()))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "jano.toml",
        **schema,
    }


def _struct(struct: type[Any]) -> Schema:
    fields = msgspec.structs.fields(struct)
    schema: Schema = {
        "type": "object",
        "description": (inspect.getdoc(struct) or "").split("\n\n")[0].replace("\n", " "),
        "properties": {field.encode_name: _field(field) for field in fields},
        "additionalProperties": False,
    }
    if required := [field.encode_name for field in fields if field.required]:
        schema["required"] = required
    return schema


def _field(field: msgspec.structs.FieldInfo) -> Schema:
    schema = _type(field.type)
    if field.default is not msgspec.NODEFAULT:
        schema["default"] = _shown(field.default)
    return schema


def _type(kind: Any) -> Schema:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if get_origin(kind) is dict:
        inside = get_args(kind)[1]
        return {
            "type": "object",
            **({} if inside is Any else {"additionalProperties": _type(inside)}),
        }
    [schema], _ = msgspec.json.schema_components([kind], schema_hook=_own_type)
    if "anyOf" in schema:
        schema["anyOf"] = [_without_null(each) for each in schema["anyOf"]]
    return schema


def _own_type(kind: type[Any]) -> Schema:
    schema: Schema = {**kind.json_schema}  # a copy: defaults are added to it
    return schema


def _without_null(schema: Schema) -> Schema:
    """TOML has no null: what is not set is left out or written as an empty string."""
    return {"const": "", "description": "Not set"} if schema == {"type": "null"} else schema


def _shown(default: object) -> object:
    match default:
        case None:
            return ""
        case Duration():
            return float(default)
        case Size():
            return int(default)
    return msgspec.to_builtins(default)


def _settings(owner: type[Any]) -> Schema:
    if owner.Settings is None:
        return {"type": "object", "maxProperties": 0}
    return _struct(owner.Settings)


def _add_choice(table: Schema, key: str, classes: Mapping[str, type[Any]]) -> None:
    """`key` names one of `classes`, whose settings `settings` then are."""
    properties = table["properties"]
    properties[key]["enum"] = sorted(classes)
    table["allOf"] = []
    for name, each in sorted(classes.items()):
        condition: Schema = {"properties": {key: {"const": name}}}
        if name != properties[key]["default"]:  # a table without the key has the default
            condition["required"] = [key]
        settings = {"properties": {"settings": _settings(each)}}
        table["allOf"].append({"if": condition, "then": settings})
