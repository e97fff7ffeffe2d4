"""Telemetry watches and never touches: bytes pass unchanged with all of it switched on."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jano_core.telemetry.activity_query import ActivityQuery
from jano_core.testing.playhouse import Actor, Says, playhouse

pytestmark = pytest.mark.anyio

FULLY_ON = '[telemetry]\notlp = true\ncapture = "4MiB"\n'
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"h\xc3\xa9"}}]}\n\n'
    b'data: {"usage":{"prompt_tokens":3},"timings":{"predicted_per_second":9}}\n\n'
    b"data: [DONE]\n\n"
)
CODINGS = {b"": bytes, b"gzip": gzip.compress, b"deflate": zlib.compress}
KINDS = (b"text/event-stream", b"application/json", b"application/x-ndjson", b"text/plain")


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Spans and metrics are made; that nothing takes them is tested elsewhere."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    yield


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    """Random bytes, or an event stream, cut anywhere."""
    whole = draw(st.one_of(st.just(EVENTS), st.binary(min_size=1, max_size=400)))
    coding = CODINGS[draw(st.sampled_from([*CODINGS]))]
    whole = coding(whole)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    return [piece for piece in pieces if piece]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sent=st.binary(max_size=200),
    said=chunked(),
    kind=st.sampled_from(KINDS),
    coding=st.sampled_from([*CODINGS]),
)
async def test_bytes_and_chunks_pass_as_they_are(
    sent: bytes, said: list[bytes], kind: bytes, coding: bytes
) -> None:
    headers = [(b"content-type", kind), (b"content-encoding", coding)]
    chat = Actor("chat", script=lambda heard: Says(headers=headers, chunks=said))
    async with playhouse(chat, config=FULLY_ON) as stage:
        async with stage.client.open("POST", "/upstream/chat/any", body=sent) as call:
            await call.head()
            assert await call.chunks() == said
        number = stage.jano.activity.newest_id
        capture = stage.jano.telemetry.captures.get(number)
        rows = stage.jano.activity.page(ActivityQuery())["data"]
    assert chat.heard[0].body == sent
    assert chat.heard[0].header(b"traceparent")
    assert capture and base64.b64decode(capture["resp_body"]) == b"".join(said)
    assert rows[0]["resp_content_type"] == kind.decode()
    assert rows[0]["has_capture"] is True
