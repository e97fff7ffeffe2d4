"""Spans, as they follow from facts."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from jano_core.plugin.contracts import Usage
from jano_core.telemetry.facts import (
    Fact,
    RequestFirstByte,
    RequestRequeued,
    ServerStep,
    SwapEnded,
    SwapStarted,
)
from jano_core.telemetry.traces import Traces

from .figures import START, ended, granted, queued

PATH = "/v1/chat/completions"


class Recorder:
    """Traces with a memory."""

    def __init__(self, **settings: Any) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(**settings)
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.traces = Traces(provider.get_tracer("test"), lambda model: "llamacpp")

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.traces.observe(fact)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._memory.get_finished_spans())

    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def span(self, name: str) -> ReadableSpan:
        return next(span for span in self.spans if span.name == name)


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_a_request_from_queue_to_last_byte():
    book = Recorder()
    usage = Usage(prompt_tokens=7, generated_tokens=3, cached_tokens=2)
    book.tell(
        queued("1", "chat", path=PATH, method="POST", session="s", stream=True),
        granted("1", "chat", at=START + 2, queue_ms=2000.0, swap_ms=1500.0, url="http://[::1]:80"),
        RequestFirstByte(at=START + 2.5, id="1", model="chat", ms=500.0),
        ended("chat", at=START + 5, usage=usage, queue_ms=2000.0, bytes_in=10, bytes_out=20),
    )
    assert book.names() == ["jano.queue", "chat chat", f"POST {PATH}"]
    waiting, client, server = book.spans
    assert [seconds(span) for span in book.spans] == pytest.approx([2, 3, 5])
    assert waiting.attributes and waiting.attributes["jano.queue.swap_ms"] == 1500.0
    assert dict(client.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llamacpp",
        "gen_ai.request.model": "chat",
        "gen_ai.request.stream": True,
        "jano.node": "local",
        "jano.attempt": 1,
        "server.address": "::1",
        "server.port": 80,
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 2,
    }
    assert server.attributes and server.attributes["session.id"] == "s"
    assert server.attributes["http.response.status_code"] == 200
    assert server.status.status_code is StatusCode.UNSET


def test_a_second_attempt_waits_and_asks_again():
    book = Recorder()
    book.tell(
        queued("1", "chat", path=PATH, method="POST"),
        granted("1", "chat"),
        RequestRequeued(at=START + 1, id="1", model="chat", why="broke off"),
        granted("1", "chat", at=START + 3, attempt=2, queue_ms=3000.0),
        ended("chat", at=START + 4),
    )
    assert book.names() == ["jano.queue", "chat chat", "jano.queue", "chat chat", f"POST {PATH}"]
    first, second = book.spans[1], book.spans[3]
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes and first.attributes["error.type"] == "upstream_failed"
    assert seconds(book.spans[2]) == pytest.approx(2)
    assert second.attributes and second.attributes["jano.attempt"] == 2
    assert second.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("status", "code", "kind", "fault"),
    [(503, "queue_full", "queue_full", True), (404, "", "404", False), (499, "", "499", False)],
)
def test_errors(status: int, code: str, kind: str, fault: bool):
    book = Recorder()
    book.tell(queued("1", "chat", path=PATH, method="POST"))
    book.tell(ended("chat", outcome="refused", status=status, code=code))
    inside, server = book.spans
    assert inside.attributes and inside.attributes["error.type"] == kind
    assert inside.status.status_code is StatusCode.ERROR
    assert server.status.status_code is (StatusCode.ERROR if fault else StatusCode.UNSET)


def test_a_swap_with_what_backends_did_around_it():
    book = Recorder()
    book.tell(
        SwapStarted(at=START, swap=4, model="code", evict=("chat",), why="oldest"),
        ServerStep(at=START + 2, model="chat", step="kv_save", seconds=0.5),
        ServerStep(at=START + 2, model="other", step="kv_save", seconds=0.5),
        ServerStep(at=START + 5, model="code", step="start", seconds=1.0),
        SwapEnded(
            at=START + 9,
            swap=4,
            model="code",
            outcome="ready",
            coming_from="chat",
            seconds=9.0,
            drain_s=1.0,
            stop_s=2.0,
            start_s=6.0,
            ready_s=4.0,
        ),
    )
    root = book.span("jano.swap code")
    assert root.parent is None
    assert seconds(root) == pytest.approx(9)
    parts = {span.name: seconds(span) for span in book.spans if span is not root}
    assert parts == pytest.approx(
        {
            "jano.swap.drain": 1,
            "jano.swap.stop": 2,
            "jano.swap.start": 2,
            "jano.swap.ready": 4,
            "jano.swap.kv_save": 0.5,
        }
    )


def test_a_failed_swap_ends_where_it_failed():
    book = Recorder()
    book.tell(
        SwapStarted(at=START, swap=1, model="code"),
        SwapEnded(
            at=START + 3,
            swap=1,
            model="code",
            outcome="failed",
            seconds=3.0,
            start_s=3.0,
            error="exit status 1",
        ),
    )
    assert book.names() == ["jano.swap.start", "jano.swap code"]
    assert book.span("jano.swap code").status.description == "exit status 1"


def test_what_is_not_sampled_is_told_onward_as_such():
    book = Recorder(sampler=ALWAYS_OFF)
    book.tell(queued("1", "chat", path=PATH, method="POST"), granted("1", "chat"))
    flags = book.traces.onward("1")["traceparent"].rsplit("-", 1)[1]
    assert not int(flags, 16) & 1
    assert book.traces.onward("nobody") == {}
    book.tell(ended("chat"))
    assert book.spans == []
