"""Errors and signs of life as OpenAI's clients expect them."""

from __future__ import annotations

import json

import pytest

from jano_core.dialects.openai import OpenAI
from jano_core.errors import Refused

DIALECT = OpenAI()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_json", "invalid_request_error"),
        ("model_required", "invalid_request_error"),
        ("model_ambiguous", "invalid_request_error"),
        ("invalid_api_key", "authentication_error"),
        ("permission_denied", "permission_error"),
        ("model_not_found", "not_found_error"),
        ("model_not_loaded", "invalid_request_error"),
        ("request_too_large", "invalid_request_error"),
        ("rate_limited", "rate_limit_error"),
        ("upstream_failed", "server_error"),
        ("queue_full", "server_error"),
        ("deadline_exceeded", "server_error"),
        ("model_load_failed", "server_error"),
        ("model_unavailable", "server_error"),
    ],
)
def test_the_type_of_an_error(code: str, kind: str) -> None:
    refused = Refused(code, "so it is", param="model", detail="last lines")
    assert json.loads(DIALECT.error(refused)) == {
        "error": {
            "message": "so it is",
            "type": kind,
            "param": "model",
            "code": code,
            "detail": "last lines",
        }
    }
    assert DIALECT.status(refused) == refused.status


def test_an_error_in_a_stream_is_one_event() -> None:
    event = DIALECT.stream_error(Refused("upstream_failed", "two\nlines"))
    assert event.startswith(b"data: {") and event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2


def test_a_sign_of_life_is_one_comment_whatever_the_text() -> None:
    assert DIALECT.keepalive("jano waiting position=2 eta=20s") == (
        b": jano waiting position=2 eta=20s\n\n"
    )
    assert DIALECT.keepalive("note=a\n\ndata: b") == b": note=a data: b\n\n"


def test_loading_is_shown_as_reasoning() -> None:
    event = DIALECT.loading("Loading chat\n", "gpt")
    chunk = json.loads(event.removeprefix(b"data: "))
    assert chunk["object"] == "chat.completion.chunk"
    assert chunk["model"] == "gpt"
    assert chunk["choices"][0]["delta"] == {"reasoning_content": "Loading chat\n"}
