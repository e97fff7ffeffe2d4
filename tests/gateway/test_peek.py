"""Which model a body names, and whether it streams."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.errors import Refused
from jano_core.gateway.multipart import peek_form
from jano_core.gateway.peek import Peek, peek
from tests.gateway.documents import OBJECTS

DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"model":"a"}', Peek("a")),
        (b'{"model":"a","stream":true}', Peek("a", True)),
        (b'{"max_tokens":16,"model":"a"}', Peek("a", limit=16)),
        (b'{"model":"a","max_completion_tokens":17}', Peek("a", limit=17)),
        (b'{"model":"a","max_output_tokens":18}', Peek("a", limit=18)),
        (b'{"model":"a","n_predict":-1}', Peek("a")),
        (b'{"model":"a","max_tokens":"16"}', Peek("a")),
        (b'{"stream":false,"model":"a"}', Peek("a")),
        (b'{"model":"a","stream":1}', Peek("a")),
        (b'{"model":"a","stream":"true"}', Peek("a")),
        (b' {"x":{"model":"b"},"model":"a"} ', Peek("a")),
        (b'{"model":"a","messages":["\\"model\\":\\"b\\""]}', Peek("a")),
        (b'{"model":"a","model":"a","stream":true}', Peek("a", True)),
        (b'{"model":"a","\\u006dodel":"\\u0061"}', Peek("a")),
        (b'{"m\\u006fdel":"a"}', Peek("a")),
        ('{"model":"größe"}'.encode(), Peek("größe")),
        (b'{"deep":' + DEEP + b',"model":"a","stream":true}', Peek("a", True)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_found(body: bytes, found: Peek) -> None:
    assert peek(body) == peek(bytearray(body)) == found


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[", "invalid_json"),
        (b"model=a", "invalid_json"),
        (b'{"model":"a"', "invalid_json"),
        (b'{"model":"a"}x', "invalid_json"),
        (b'{"model":"\xff"}', "invalid_json"),
        (b'{"a":[1,],"model":"a"}', "invalid_json"),
        (b'{"deep":' + DEEP[:-1] + b',"model":"a"}', "invalid_json"),
        (b"null", "model_required"),
        (b"[]", "model_required"),
        (b"3", "model_required"),
        (b'""', "model_required"),
        (DEEP, "model_required"),
        (b"{}", "model_required"),
        (b'{"model":null}', "model_required"),
        (b'{"model":""}', "model_required"),
        (b'{"model":3}', "model_required"),
        (b'{"model":["a"]}', "model_required"),
        (b'{"Model":"a"}', "model_required"),
        (b'{"model":' + DEEP + b"}", "model_required"),
        (b'{"model":"a","model":"b"}', "model_ambiguous"),
        (b'{"model":"a","x":{"model":"a"},"model":"b"}', "model_ambiguous"),
        (b'{"model":"a","\\u006dodel":"b"}', "model_ambiguous"),
        (b'{"model":"a","mode\\u006C":"b"}', "model_ambiguous"),
        (b'{"deep":' + DEEP + b',"model":"a","model":"b"}', "model_ambiguous"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_refused(body: bytes, code: str) -> None:
    for buffer in (body, bytearray(body)):
        with pytest.raises(Refused) as refused:
            peek(buffer)
        assert (refused.value.code, refused.value.status) == (code, 400)


@given(OBJECTS, st.text(min_size=1), st.booleans(), st.booleans())
def test_any_object_with_a_model(
    value: dict[str, object], model: str, stream: bool, escaped: bool
) -> None:
    value = {**value, "model": model, "stream": stream}
    body = json.dumps(value, ensure_ascii=escaped).encode()
    assert peek(body) == Peek(model, stream)


def form(*fields: tuple[str, bytes], boundary: str = "xYz") -> bytes:
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value
        for name, value in fields
    )
    return b"\r\n".join((*parts, f"--{boundary}--\r\n".encode()))


TYPE = b"multipart/form-data; boundary=xYz"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (form(("model", b"a")), Peek("a")),
        (form(("model", b"a"), ("stream", b"true")), Peek("a", True)),
        (form(("file", b'\r\n\r\n--xYzz\r\nz; name="model"\r\n\r\nb'), ("model", b"a")), Peek("a")),
        (form(("file", b'x--xYz\r\n--xYz \tz; name="model"\r\n\r\nb'), ("model", b"a")), Peek("a")),
        (form(("file", b"\r\n--xYz"), ("model", b"a")), Peek("a")),
        (form(("model", b"a"), ("model", b"a")), Peek("a")),
        (b"preamble\r\n" + form(("model", b"a")), Peek("a")),
        (b"--xYz\r\nContent-Type: text/plain\r\ncontent-disposition: form-data;name=model\r\n"
         b"\r\na\r\n--xYz--", Peek("a")),
    ],
)  # fmt: skip
def test_forms(body: bytes, found: Peek) -> None:
    assert peek_form(body, TYPE) == peek_form(bytearray(body), TYPE) == found


def test_a_quoted_boundary() -> None:
    body = form(("model", b"a"), boundary="a b")
    assert peek_form(body, b'multipart/form-data; boundary="a b"') == Peek("a")


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (form(("model", b"a"), ("model", b"b")), TYPE, "model_ambiguous"),
        (form(("name", b"a")), TYPE, "model_required"),
        (form(("model", b"")), TYPE, "model_required"),
        (b'{"model":"a"}', TYPE, "model_required"),
        (form(("model", b"a"))[:-12], TYPE, "model_required"),
        (form(("model", b"a")), b"multipart/form-data", "invalid_request"),
    ],
)
def test_forms_that_are_refused(body: bytes, kind: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        peek_form(body, kind)
    assert refused.value.code == code


FILLER = b'"x":"' + b"y" * 70_000 + b'"'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"model":"a",' + FILLER + b"}", ""),
        (b' { "model" : "a", ' + FILLER + b"}", ""),
        (b"{" + FILLER + b',"model":"a"}', ""),
        (b'{"model":"a",' + FILLER + b',"model":"a"}', ""),
        (b'{"model":"b",' + FILLER + b',"model":"a"}', "model_ambiguous"),
        (b'{"model":"b",' + FILLER + b',"\\u006dodel":"a"}', "model_ambiguous"),
        (b"{" + FILLER + b',"model":"b","model":"a"}', "model_ambiguous"),
        (b'{"model":"a",' + FILLER + b',"model":3}', "model_required"),
        (b'{"model":"a",' + FILLER, "invalid_json"),
    ],
)
def test_a_big_body(body: bytes, code: str) -> None:
    if not code:
        assert peek(body).model == peek(bytearray(body)).model == "a"
        return
    with pytest.raises(Refused) as refused:
        peek(body)
    assert refused.value.code == code
