"""Ugly answers: what two readers could take for two different things is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jano_core.runtime.loopback_answer import MAX_HEAD, Answer, AnswerReader


def fed(*pieces: bytes, method: str = "POST", ended: bool = False) -> Answer:
    answer, reader = Answer(method), AnswerReader()
    reader.expect(answer)
    for piece in pieces:
        reader.feed(piece)
    if ended:
        answer.end()
    return answer


def outcome(answer: Answer) -> tuple[int, bytes, bool, bool, bool]:
    """What a client gets of it: status, body, whole, broken, fit for another exchange."""
    body = b"".join(answer.chunks)
    return answer.status, body, answer.complete, bool(answer.failure), answer.reusable


OK = b"HTTP/1.1 200 OK\r\n"

WHOLE = {
    "a length": (OK + b"content-length: 2\r\n\r\nhi", (200, b"hi", True, False, True)),
    "chunks": (
        OK + b"transfer-encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nx-trailer: 1\r\n\r\n",
        (200, b"hi", True, False, True),
    ),
    "nothing to come": (b"HTTP/1.1 204 No\r\n\r\n", (204, b"", True, False, True)),
    "nothing in spite of a length": (
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        (304, b"", True, False, True),
    ),
    "interim answers before it": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        + OK + b"content-length: 1\r\n\r\nA",
        (200, b"A", True, False, True),
    ),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", (200, b"", True, False, True)),
    "a last answer": (
        OK + b"connection: close\r\ncontent-length: 2\r\n\r\nhi",
        (200, b"hi", True, False, False),
    ),
    "HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        (200, b"hi", True, False, False),
    ),
    "another answer behind it": (
        OK + b"content-length: 2\r\n\r\nhi" + OK + b"content-length: 3\r\n\r\nbad",
        (200, b"hi", True, False, False),
    ),
    "rubbish behind it": (
        OK + b"content-length: 2\r\n\r\nhirubbish",
        (200, b"hi", True, False, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE)
def test_an_answer_with(what: str) -> None:
    text, expected = WHOLE[what]
    assert outcome(fed(text)) == expected
    bytewise = fed(*(text[i : i + 1] for i in range(len(text))))
    assert outcome(bytewise) == expected


REFUSED = {
    "both lengths": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
    "a length with a sign": OK + b"content-length: +2\r\n\r\nhi",
    "a list of lengths": OK + b"content-length: 2, 2\r\n\r\nhi",
    "a length beyond all bounds": OK + b"content-length: 99999999999999999999\r\n\r\nhi",
    "a space before the colon": OK + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "a bare carriage return": OK + b"x: a\rcontent-length: 2\r\n\r\nhi",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
    "a folded header": OK + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "a NUL": OK + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "another coding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding after chunks": OK + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding that looks like chunks": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk beyond all bounds": OK
    + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhi\r\n0\r\n\r\n",
    "a chunk longer than it says": OK
    + b"transfer-encoding: chunked\r\n\r\n2\r\nhixx\r\n0\r\n\r\n",
    "a change of protocol": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a giant header": OK + b"x: " + b"a" * (MAX_HEAD + 1),
    "many headers": OK + b"x: y\r\n" * MAX_HEAD,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD // 20),
    "endless trailers": OK
    + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * MAX_HEAD,
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_is(what: str) -> None:
    text = REFUSED[what]
    for answer in (fed(text), fed(*(text[i : i + 4096] for i in range(0, len(text), 4096)))):
        assert answer.failure
        assert not answer.complete
        assert not answer.reusable


def test_an_answer_to_head_has_no_body_and_no_successor() -> None:
    answer = fed(OK + b"content-length: 2\r\n\r\n", b"hi", method="HEAD")
    assert outcome(answer) == (200, b"", True, False, False)


@pytest.mark.parametrize(
    ("text", "complete", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True, ""),
        (OK + b"content-length: 9\r\n\r\npart", False, "in the middle"),
        (OK + b"transfer-encoding: chunked\r\n\r\n4\r\npart\r\n", False, "in the middle"),
        (OK + b"x: y", False, "without an answer"),
        (b"", False, "without an answer"),
    ],
)
def test_the_end_of_the_connection(text: bytes, complete: bool, failure: str) -> None:
    answer = fed(text, ended=True)
    assert (answer.complete, answer.reusable) == (complete, False)
    assert failure in answer.failure
    assert bool(failure) == bool(answer.failure)


@given(bodies=st.lists(st.binary(min_size=1, max_size=300), max_size=8), data=st.data())
def test_chunks_keep_their_bounds_however_they_are_cut(
    bodies: list[bytes], data: st.DataObject
) -> None:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies)
    text = OK + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    assert list(fed(text).chunks) == bodies
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert outcome(fed(*pieces)) == (200, b"".join(bodies), True, False, True)


@given(
    st.sampled_from([text for text, _ in WHOLE.values()] + [*REFUSED.values()]).filter(
        lambda text: len(text) < 1000
    ),
    st.lists(st.tuples(st.integers(0, 999), st.binary(max_size=3)), max_size=4),
    st.integers(1, 60),
)
def test_nothing_that_a_server_sends_escapes(
    text: bytes, changes: list[tuple[int, bytes]], size: int
) -> None:
    """A fuzzer: whatever is sent, an answer ends whole or says what was wrong with it, and one
    that is refused gives nothing to the next exchange.
    """
    for at, put in changes:
        text = text[: at % len(text)] + put + text[at % len(text) + 1 :] or b"x"
    answer = fed(*(text[i : i + size] for i in range(0, len(text), size)), ended=True)
    assert answer.complete != bool(answer.failure)
    assert not answer.reusable
    assert not any(b"\r" in part or b"\n" in part for pair in answer.headers for part in pair)
