"""The tap: what it keeps, what it gives up, and what it reads."""

from __future__ import annotations

import json

import pytest

from jano_core.plugin.contracts import Usage, UsageNormalizer
from jano_core.telemetry.tap import CAP, FULL, tap
from jano_core.telemetry.usage import BUILTIN
from jano_core.telemetry.usage_reader import UsageReader

ALL = [kind() for kind in BUILTIN]
READER = UsageReader(ALL)
SSE = "text/event-stream; charset=utf-8"


class Watch:
    """A clock that moves by a second with each look."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 1.0
        return self.time


def read(kind: str, *chunks: bytes, encoding: str = "") -> Usage | None:
    one = tap(kind, READER, encoding=encoding, now=Watch())
    for chunk in chunks:
        one.feed(chunk)
    return one.result()


def event(**document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def usage(prompt: int, generated: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": generated}


def test_a_small_document_is_read_whole():
    body = json.dumps({"usage": usage(3, 4)}).encode()
    assert read("application/json", body[:10], body[10:]) == Usage(
        prompt_tokens=3, generated_tokens=4, count_source="openai"
    )


def test_a_document_past_the_cap_is_given_up():
    body = json.dumps({"pad": "x" * CAP, "usage": usage(3, 4)}).encode()
    assert read("application/json", body) is None
    assert read("application/json", body[:CAP], body[CAP:]) is None


def test_the_last_event_of_a_long_stream_is_kept():
    filler = [event(delta="y" * 1000) for _ in range(200)]
    found = read(SSE, *filler, event(usage=usage(5, 6)), b"data: [DONE]\n\n")
    assert found is not None
    assert (found.prompt_tokens, found.generated_tokens) == (5, 6)


def test_a_single_oversized_event_is_kept():
    found = read(SSE, event(pad="z" * 2 * CAP, usage=usage(5, 6)))
    assert found == Usage(prompt_tokens=5, generated_tokens=6, count_source="openai")


def test_the_first_event_of_a_long_stream_is_kept_as_well():
    start = event(type="message_start", message={"usage": {"input_tokens": 9, "output_tokens": 1}})
    filler = [event(type="content_block_delta", delta="y" * 1000) for _ in range(200)]
    end = event(type="message_delta", usage={"output_tokens": 40})
    found = read(SSE, start, *filler, end)
    assert found is not None
    assert (found.prompt_tokens, found.generated_tokens) == (9, 40)


def test_what_is_kept_of_a_stream_is_bounded():
    one = tap(SSE, READER, now=Watch())
    for _ in range(1000):
        one.feed(b"x" * 1000)
    assert len(one._kept) <= FULL + 1000


def test_events_may_be_cut_anywhere():
    stream = event(choices=[]) + event(usage=usage(5, 6)) + b"data: [DONE]\n\n"
    for size in (1, 2, 7):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        found = read(SSE, *chunks)
        assert found is not None and found.generated_tokens == 6


def test_bad_events_are_passed_over():
    found = read(SSE, b": ping\n\ndata: {oops\n\ndata:\n\ndata: 7\n\n", event(usage=usage(5, 6)))
    assert found is not None and found.prompt_tokens == 5


@pytest.mark.parametrize(
    "body", [b"", b"null", b"3", b"{", b"[]", b"\xff\xfe", b"[" * 20_000, b'{"choices": []}']
)
def test_nothing_to_read_is_none(body):
    assert read("application/json", body) is None
    assert read(SSE, b"data: " + body + b"\n\n") is None


def test_lines_of_json_are_read():
    lines = b'{"response":"a"}\n{"done":true,"eval_count":10,"eval_duration":2000000000}\n'
    assert read("application/x-ndjson", lines) == Usage(
        generated_tokens=10, generated_per_second=5.0, source="ollama", count_source="ollama"
    )


def test_a_list_of_answers_is_read():
    assert read("application/json", b'[{"timings": {"predicted_n": 4}}]') == Usage(
        generated_tokens=4, count_source="llamacpp"
    )


def test_compressed_bytes_are_left_alone():
    body = json.dumps({"usage": usage(3, 4)}).encode()
    assert read("application/json", body, encoding="gzip") is None
    assert read("application/json", body, encoding="identity") is not None


def test_counts_come_from_usage_and_rates_from_timings():
    timings = {
        "cache_n": 90,
        "prompt_n": 10,
        "predicted_n": 19,
        "predicted_per_second": 50.5,
        "prompt_per_second": 400.0,
    }
    for events in (
        [event(usage=usage(100, 20), timings=timings)],
        [event(usage=usage(100, 20)), event(timings=timings)],
        [event(timings=timings), event(usage=usage(100, 20))],
    ):
        assert read(SSE, *events) == Usage(
            prompt_tokens=100,
            generated_tokens=20,
            cached_tokens=90,
            generated_per_second=50.5,
            prompt_per_second=400.0,
            source="timings",
            count_source="openai",
        )


def test_a_stream_is_timed_by_our_own_clock_where_its_server_does_not_tell():
    chunks = [event(choices=[]), event(usage=usage(5, 6))]
    found = read(SSE, *chunks)
    assert found is not None
    assert (found.generated_per_second, found.source) == (6.0, "clock")


def test_one_lump_has_no_speed():
    body = json.dumps({"usage": usage(3, 4)}).encode()
    for found in (
        read("application/json", body[:5], body[5:]),
        read(SSE, event(usage=usage(3, 4))),
    ):
        assert found is not None
        assert found.generated_per_second is None
        assert found.source is None


def test_a_later_normalizer_wins_and_a_broken_one_costs_nothing(caplog):
    class Broken(UsageNormalizer):
        name = "broken"

        def read(self, document):
            raise KeyError("oops")

    class Sure(UsageNormalizer):
        name = "sure"

        def read(self, document):
            return Usage(prompt_tokens=77)

    one = tap("application/json", UsageReader([*ALL, Broken(), Sure()]), now=Watch())
    one.feed(json.dumps({"usage": usage(3, 4)}).encode())
    assert one.result() == Usage(prompt_tokens=77, generated_tokens=4, count_source="sure")
    assert "Broken" in caplog.text


class Asked(UsageNormalizer):
    """Remembers the documents that it was asked about."""

    name = "asked"

    def __init__(self) -> None:
        self.documents: list[object] = []

    def read(self, document):
        self.documents.append(document)
        return Usage(prompt_tokens=1)


class Picky(Asked):
    marks = (b'"cost"', b'"price"')


@pytest.mark.parametrize("kind", ["application/json", SSE])
def test_who_names_marks_is_asked_only_where_one_is(kind):
    def asked(*documents: dict[str, object]) -> tuple[list[object], list[object]]:
        picky, curious = Picky(), Asked()
        one = tap(kind, UsageReader([*ALL, picky, curious]), now=Watch())
        for each in documents:
            one.feed(event(**each) if kind == SSE else json.dumps(each).encode())
        assert one.result() is not None
        return picky.documents, curious.documents

    plain, dear = {"choices": ["no price"]}, {"price": 3}
    assert asked(plain) == ([], [plain])
    assert asked(dear) == ([dear], [dear])
    if kind == SSE:
        _, curious = asked(plain, dear, plain)
        assert curious == [plain, dear, plain]


def test_of_a_stream_only_marked_events_are_read():
    picky = Picky()
    one = tap(SSE, UsageReader([picky]), now=Watch())
    for each in ({"choices": []}, {"price": 1}, {"choices": []}, {"cost": 2}, {"choices": []}):
        one.feed(event(**each))
    assert one.result() is not None
    assert picky.documents == [{"price": 1}, {"cost": 2}]
