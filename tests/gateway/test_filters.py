"""Filters change the members they name; every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.config.schema import RequestFilter
from jano_core.gateway.filters import edited, edits
from jano_core.gateway.members import Malformed, members
from tests.gateway.documents import JSON, LAYOUT, OBJECTS

NAMES = st.sampled_from(["a", "b", "c", "model", "temperature", "ü"])
SMALL = st.dictionaries(NAMES, JSON, max_size=6)


def apply(body: bytes, *filters: RequestFilter, model: str = "") -> bytes:
    pieces = edited(body, edits(body, filters, model))
    return b"".join(p if isinstance(p, bytes) else body[p[0] : p[1]] for p in pieces)


@pytest.mark.parametrize(
    ("body", "table", "result"),
    [
        (b'{"a":1, "b":2}', RequestFilter(remove=["a"]), b'{"b":2}'),
        (b'{"a":1, "b":2}', RequestFilter(remove=["b"]), b'{"a":1}'),
        (b'{ "a" : 1 }', RequestFilter(remove=["a"]), b"{  }"),
        (b'{"a":1,"b":2,"a":3}', RequestFilter(remove=["a"]), b'{"b":2}'),
        (b'{"a":1,"b":2,"a":3}', RequestFilter(set={"a": 4}), b'{"a":4,"b":2,"a":4}'),
        (b'{"a":1}\n', RequestFilter(set={"b": "x"}), b'{"a":1,"b":"x"}\n'),
        (b"{}", RequestFilter(set={"b": 1}, default={"c": 2}), b'{"b":1,"c":2}'),
        (b'{"a":1}', RequestFilter(default={"a": 2}), b'{"a":1}'),
        (b'{"a":null}', RequestFilter(default={"a": 2}), b'{"a":null}'),
        (b'{"a":1}', RequestFilter(remove=["a"], set={"a": 2}), b'{"a":2}'),
        (b'{"a":1}', RequestFilter(remove=["a"], set={"b": 2}), b'{"b":2}'),
        (b'{"model":"x"}', RequestFilter(remove=["model"], set={"model": 1}), b'{"model":"x"}'),
        (
            b'{"o":{"x":1.50,"y":{"z":1e3}}}',
            RequestFilter(set={"o": {"y": {"w": True}}}),
            b'{"o":{"x":1.50,"y":{"z":1e3,"w":true}}}',
        ),
        (
            b'{"o":{"x":1.50}}',
            RequestFilter(default={"o": {"x": 2, "y": 3}}),
            b'{"o":{"x":1.50,"y":3}}',
        ),
        (b'{"o":[1]}', RequestFilter(default={"o": {"x": 2}}), b'{"o":[1]}'),
        (b"[1]", RequestFilter(set={"a": 1}), b"[1]"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_filter(body: bytes, table: RequestFilter, result: bytes) -> None:
    assert apply(body, table) == result


def test_filters_apply_one_after_another() -> None:
    own = RequestFilter(remove=["a"], default={"c": 1})
    variant = RequestFilter(set={"a": 2, "c": 3})
    assert apply(b'{"a":1,"b":1}', own, variant) == b'{"a":2,"b":1,"c":3}'


def test_another_model_name_changes_only_that() -> None:
    body = b' {"x": 1,\t"model" : "a\\u0062" , "y":2 }'
    assert apply(body, model='q"') == b' {"x": 1,\t"model" : "q\\"" , "y":2 }'


@pytest.mark.parametrize("inside", [b'"x":nope', b'"\xff":1'])
def test_what_cannot_be_merged_is_malformed(inside: bytes) -> None:
    with pytest.raises(Malformed):
        apply(b'{"o":{%b}}' % inside, RequestFilter(set={"o": {"y": 1}}))


@given(OBJECTS, LAYOUT)
def test_no_filter_no_change(value: dict[str, Any], layout: dict[str, Any]) -> None:
    body = json.dumps(value, **layout).encode()
    assert apply(body, RequestFilter(remove=["a name that nobody has"])) == body


@given(SMALL, LAYOUT, st.lists(NAMES, max_size=3), SMALL, SMALL, st.sampled_from(["", "new"]))
def test_only_the_named_members_change(
    value: dict[str, Any],
    layout: dict[str, Any],
    remove: list[str],
    given_set: dict[str, Any],
    default: dict[str, Any],
    model: str,
) -> None:
    flat_set = {name: v for name, v in given_set.items() if not isinstance(v, dict)}
    flat_default = {name: v for name, v in default.items() if not isinstance(v, dict)}
    table = RequestFilter(remove=remove, set=flat_set, default=flat_default)
    body = json.dumps(value, **layout).encode()
    result = apply(body, table, model=model)

    kept = {name: v for name, v in value.items() if name not in remove or name == "model"}
    changed = {name: v for name, v in flat_set.items() if name != "model"}
    absent = {name: v for name, v in flat_default.items() if name != "model"}
    expected = absent | kept | changed
    if model:
        expected["model"] = model
    assert json.loads(result) == expected

    before, after = members(body), members(result)
    assert before is not None and after is not None
    touched = ({*remove, *flat_set} - {"model"}) | ({"model"} if model else set())
    stayed = [body[m.start : m.end] for m in before.list if m.name not in touched]
    found = [result[m.start : m.end] for m in after.list if m.name in value]
    assert [member for member in found if member in stayed] == stayed
    assert [m.name for m in after.list if m.name in value] == [
        name for name in value if name in expected
    ]
