"""Errors and signs of life as Anthropic's clients expect them."""

from __future__ import annotations

import json

import pytest

from jano_core.dialects.anthropic import Anthropic
from jano_core.errors import Refused

DIALECT = Anthropic()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_json", "invalid_request_error"),
        ("invalid_api_key", "authentication_error"),
        ("permission_denied", "permission_error"),
        ("model_not_found", "not_found_error"),
        ("model_not_loaded", "invalid_request_error"),
        ("request_too_large", "request_too_large"),
        ("rate_limited", "rate_limit_error"),
        ("upstream_failed", "api_error"),
        ("queue_full", "overloaded_error"),
        ("model_load_failed", "overloaded_error"),
        ("upstream_timeout", "api_error"),
    ],
)
def test_the_type_of_an_error(code: str, kind: str) -> None:
    answer = json.loads(DIALECT.error(Refused(code, "so it is", accepted=["a"])))
    assert answer["type"] == "error"
    assert answer["error"] == {
        "type": kind,
        "message": "so it is",
        "code": code,
        "accepted": ["a"],
    }


def test_an_error_in_a_stream() -> None:
    name, data, *rest = DIALECT.stream_error(Refused("upstream_failed", "gone")).split(b"\n")
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: "))["type"] == "error"
    assert rest == [b"", b""]


def test_a_sign_of_life_is_a_ping() -> None:
    assert DIALECT.keepalive("anything") == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert DIALECT.loading("text", "model") is None
