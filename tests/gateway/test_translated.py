"""An OpenAI stream read for a client of another dialect: however the bytes are cut."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.dialects.anthropic import Anthropic
from jano_core.gateway.call import Call, Message
from jano_core.gateway.translated import translated
from jano_core.plugin.translation import Translation

STREAM = (
    b": jano waiting position=1\n\n"
    b'data: {"n": 1, "text": "\xc3\xbc"}\n\n'
    b'event: x\r\ndata: {"n": 2}\r\n\r\n'
    b"data: not JSON\n\n"
    b'data:{"n": 3}\n\n'
    b"data: [DONE]\n\n"
)
EXPECTED = b"sign\n1\n2\n3\nend\n"


class Numbers(Translation):
    """Says the number of each document."""

    def whole(self, document: Mapping[str, Any]) -> bytes:
        return b"%d!\n" % document["n"]

    def event(self, document: Mapping[str, Any]) -> bytes:
        return b"%d\n" % document["n"]

    def end(self) -> bytes:
        return b"end\n"

    def sign(self) -> bytes:
        return b"sign\n"


class Client:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        scope = {"path": "/x", "headers": [(b"Accept-Encoding", b"gzip"), (b"x-a", b"1")]}
        outer = Call(scope, self._receive, self._send)
        numbers = Numbers("/v1/x", b"", stream=True, content_type="text/numbers")
        self.call = translated(outer, Anthropic(), numbers)

    async def answered(self, status: int, kind: bytes, *chunks: bytes) -> tuple[int, bytes]:
        head = [(b"content-type", kind), (b"content-length", b"99"), (b"x-b", b"2")]
        await self.call.send({"type": "http.response.start", "status": status, "headers": head})
        for place, chunk in enumerate(chunks):
            more = place < len(chunks) - 1
            await self.call.send({"type": "http.response.body", "body": chunk, "more_body": more})
        body = b"".join(each.get("body", b"") for each in self.sent)
        return self.sent[0]["status"], body

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def _receive(self) -> Message:
        return {"type": "http.disconnect"}


def run(*chunks: bytes, status: int = 200, kind: bytes = b"text/event-stream") -> tuple[int, bytes]:
    """The coroutine never waits for anything, so that no event loop is needed."""
    going = Client().answered(status, kind, *chunks)
    try:
        going.send(None)
    except StopIteration as done:
        found: tuple[int, bytes] = done.value
        return found
    raise AssertionError("it waits")


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_cuts_between_chunks_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    assert run(*chunks) == (200, EXPECTED)


def test_a_stream_without_its_last_word_ends_all_the_same() -> None:
    assert run(b'data: {"n": 1}\n\ndata: {"n": 2}') == (200, b"1\n2\nend\n")


def test_nothing_follows_an_error() -> None:
    status, body = run(b'data: {"error": {"message": "no"}}\n\ndata: {"n": 1}\n\n')
    assert status == 200
    assert b'"message":"no"' in body and b"end" not in body and b"1\n" not in body


def test_a_whole_answer_to_who_wanted_a_stream_is_one_piece() -> None:
    assert run(b'{"n"', b": 4}", kind=b"application/json") == (200, b"4!\n")


@pytest.mark.parametrize(
    ("status", "text", "shown", "message"),
    [
        (503, b'{"error": {"message": "later", "code": "queue_full"}}', 503, "later"),
        (500, b'{"error": "plainly"}', 500, "plainly"),
        (502, b"<html>", 502, "<html>"),
        (200, b"<html>", 502, "<html>"),
    ],
)
def test_errors_of_any_shape_become_the_dialect_s_own(
    status: int, text: bytes, shown: int, message: str
) -> None:
    found, body = run(text, status=status, kind=b"text/html")
    assert found == shown
    assert json.loads(body)["error"]["message"] == message


@pytest.mark.anyio
async def test_headers_pass_but_for_what_is_made_anew() -> None:
    client = Client()
    assert client.call.field(b"accept-encoding") == "identity"
    assert client.call.field(b"x-a") == "1"
    await client.answered(200, b"text/event-stream", STREAM)
    assert client.headers == {b"content-type": b"text/numbers", b"x-b": b"2"}
