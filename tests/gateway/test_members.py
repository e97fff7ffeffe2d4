"""Members of JSON objects are found in place, whatever stands around them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.gateway.members import Malformed, members
from tests.gateway.documents import JSON, LAYOUT, OBJECTS


@given(OBJECTS, LAYOUT, st.booleans())
def test_every_member_is_found_with_its_own_bytes(
    value: dict[str, object], layout: dict[str, object], escaped: bool
) -> None:
    text = json.dumps(value, ensure_ascii=escaped, **layout).encode(errors="surrogatepass")  # type: ignore[arg-type]
    found = members(text)
    assert found is not None
    assert members(bytearray(text)) == found
    assert {m.name: json.loads(text[m.value : m.end]) for m in found.list} == value
    assert text[found.close : found.close + 1] == b"}"


@given(JSON.filter(lambda value: not isinstance(value, dict)))
def test_other_json_has_no_members(value: object) -> None:
    assert members(f" {json.dumps(value)}\n".encode()) is None


def test_repeated_names_are_all_there_also_when_written_otherwise() -> None:
    found = members(b'{"a":1,"\\u0061":2,"b":3}')
    assert found is not None
    assert [m.start for m in found.named("a")] == [1, 7]


def test_depth_is_only_a_number() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    found = members(b'{"deep":' + deep + b',"model":"x"}')
    assert found is not None
    assert [m.name for m in found.list] == ["deep", "model"]


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"}", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{,}", b'{"a" 1}',
        b"{'a':1}", b'{"a":1}x', b'{"a":1}{', b'{"a":01}', b'{"a":nul}', b'{"a":"b}',
        b'{"a":"b\n"}', b'{"a":[1}', b'{"a":[1]]}', b'{"a":{"b":1}', b"{1:2}", b'{"a":"\\"}',
        b'{"\\x":1}', b'{"\xff":1}', b"nulll", b"[1", b"+1", b'{"a":1 "b":2}',
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_malformed_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        members(text)
