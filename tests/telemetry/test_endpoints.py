"""Operations and routes of paths: few, whatever a caller writes."""

from __future__ import annotations

import pytest

from jano_core.telemetry.endpoints import operation, route


@pytest.mark.parametrize(
    ("path", "what", "where"),
    [
        ("/v1/chat/completions", "chat", "/v1/chat/completions"),
        ("/v/chat/completions", "chat", "/v/chat/completions"),
        ("/v1/completions", "text_completion", "/v1/completions"),
        ("/v1/messages", "chat", "/v1/messages"),
        ("/v1/messages/count_tokens", "count_tokens", "/v1/messages/count_tokens"),
        ("/api/embed", "embeddings", "/api/embed"),
        ("/upstream/a/b/v1/chat/completions", "chat", "/upstream/{model}/{path}"),
        ("/upstream/chat/", "request", "/upstream/{model}/{path}"),
        ("/vision/7f3a/secret", "request", "/vision/{path}"),
        ("/7f3a", "request", "/{path}"),
    ],
)
def test_a_path(path: str, what: str, where: str):
    assert (operation(path), route(path)) == (what, where)
