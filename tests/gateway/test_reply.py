"""Where something may be put into a stream: between events, however they were cut in chunks."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.dialects.openai import OpenAI
from jano_core.errors import Refused
from jano_core.gateway.call import Sending
from jano_core.gateway.framing import EVENTS
from jano_core.gateway.reply import Reply, done

pytestmark = pytest.mark.anyio

LINES = st.lists(st.sampled_from([b"data: x", b": note", b"id: 7", b"data:"]), min_size=1)
STREAMS = st.lists(LINES, min_size=1, max_size=5)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


class Sent:
    """What went out."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


@given(STREAMS, ENDS, st.data())
async def test_between_events_is_known_for_any_chunks(
    events: list[list[bytes]], end: bytes, data: st.DataObject
) -> None:
    whole = [b"".join(line + end for line in lines) + end for lines in events]
    stream = b"".join(whole)
    ends = {0} | {len(b"".join(whole[: n + 1])) for n in range(len(whole))}
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)))) | {0, len(stream)})

    reply = Reply(partial(Sending, Sent()))
    await done(reply.head(200, [], framing=EVENTS))
    for start, stop in pairwise(cuts):
        assert reply.between_events == (start in ends)
        await done(reply.body(stream[start:stop]))
    assert reply.between_events


async def test_signs_of_life_stay_out_of_events_and_of_other_answers() -> None:
    sent = Sent()
    reply = Reply(partial(Sending, sent))
    await done(reply.head(200, [], framing=EVENTS))
    await done(reply.body(b"data: 1\n"))
    await reply.sign_of_life(b": no\n\n")
    await done(reply.body(b"\n"))
    await reply.sign_of_life(b": yes\n\n")
    await reply.end()
    await reply.sign_of_life(b": late\n\n")
    assert sent.body == b"data: 1\n\n: yes\n\n"
    assert reply.bytes_out == 9

    other = Sent()
    reply = Reply(partial(Sending, other))
    await done(reply.head(200, []))
    await reply.sign_of_life(b": no\n\n")
    assert other.body == b""


async def test_the_last_announced_byte_is_the_end() -> None:
    sent = Sent()
    reply = Reply(partial(Sending, sent))
    await done(reply.head(200, [], length=2))
    complete = []
    for chunk in (b"o", b"k"):
        await done(reply.body(chunk))
        complete.append(reply.complete)
    assert complete == [False, True]
    await reply.end()
    assert [message.get("more_body") for message in sent.messages] == [None, True, False]


async def test_an_error_closes_a_half_sent_event_first() -> None:
    sent = Sent()
    reply = Reply(partial(Sending, sent))
    await done(reply.head(200, [], framing=EVENTS))
    await done(reply.body(b"data: {"))
    await reply.refuse(OpenAI(), Refused("upstream_failed", "gone"), [])
    assert sent.body.startswith(b'data: {\n\ndata: {"error":')
    assert sent.messages[-1]["more_body"] is False


async def test_an_error_in_a_document_leaves_it_without_an_end() -> None:
    sent = Sent()
    reply = Reply(partial(Sending, sent))
    await done(reply.head(200, [], length=100))
    await done(reply.body(b"half"))
    await reply.refuse(OpenAI(), Refused("upstream_failed", "gone"), [])
    assert sent.messages[-1]["more_body"] is True


@pytest.mark.parametrize(
    ("refused", "headers"),
    [
        (Refused("queue_full", "x", retry_after=0.2), {b"retry-after": b"1"}),
        (
            Refused("model_unavailable", "x", retry_after=12.1, should_retry=False),
            {b"retry-after": b"13", b"x-should-retry": b"false"},
        ),
        (Refused("model_not_found", "x"), {}),
    ],
)
async def test_an_error_says_whether_and_when_to_try_again(
    refused: Refused, headers: dict[bytes, bytes]
) -> None:
    sent = Sent()
    reply = Reply(partial(Sending, sent))
    await reply.refuse(OpenAI(), refused, [(b"x-jano-model", b"chat")])
    found = dict(sent.messages[0]["headers"])
    for name in (b"retry-after", b"x-should-retry"):
        assert found.get(name) == headers.get(name)
    assert found[b"x-jano-model"] == b"chat"
    assert sent.messages[0]["status"] == refused.status
    assert int(found[b"content-length"]) == len(sent.body)
