"""End-to-end headers pass, those of one connection do not."""

from __future__ import annotations

from typing import Any

from jano_core.gateway.call import Call, RawHeaders
from jano_core.gateway.headers import AnswerHead, identity, upward, waits


async def nothing(message: object = None) -> Any:
    raise AssertionError


def call(headers: RawHeaders) -> Call:
    return Call({"path": "/", "headers": headers}, nothing, nothing)


def test_upward() -> None:
    headers = [
        (b"host", b"jano"),
        (b"authorization", b"Bearer theirs"),
        (b"x-api-key", b"ours"),
        (b"accept-encoding", b"gzip"),
        (b"connection", b"keep-alive, X-Private"),
        (b"keep-alive", b"timeout=5"),
        (b"x-private", b"1"),
        (b"te", b"trailers"),
        (b"expect", b"100-continue"),
        (b"content-length", b"9"),
        (b"transfer-encoding", b"chunked"),
        (b"cookie", b"a"),
        (b"cookie", b"b"),
        (b"traceparent", b"00-1-2-01"),
        (b"x-jano-session", b"s"),
    ]
    passed = upward(call(headers), {b"x-api-key"}, identity_only=False)
    assert passed == [
        (b"authorization", b"Bearer theirs"),
        (b"accept-encoding", b"gzip"),
        (b"cookie", b"a"),
        (b"cookie", b"b"),
        (b"traceparent", b"00-1-2-01"),
        (b"x-jano-session", b"s"),
    ]
    assert (b"accept-encoding", b"identity") in upward(call(headers), (), identity_only=True)
    assert (b"accept-encoding", b"gzip") not in upward(call(headers), (), identity_only=True)


def test_the_head_of_an_answer() -> None:
    headers = [
        (b"Content-Type", b"text/plain"),
        (b"Content-Encoding", b"gzip"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
        (b"Connection", b"close, X-Hop"),
        (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Trailer", b"x"),
        (b"Content-Length", b"5"),
        (b"X-Jano-Model", b"of a router further on"),
    ]
    head = AnswerHead(headers)
    assert (head.content_type, head.coding, head.length) == ("text/plain", "gzip", 5)
    assert not head.plain and not head.unbuffered
    assert head.passed == [
        (b"content-type", b"text/plain"),
        (b"content-encoding", b"gzip"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"content-length", b"5"),
    ]


def test_connection_headers_that_come_twice_both_count() -> None:
    headers = [
        (b"connection", b"X-One"),
        (b"x-one", b"1"),
        (b"connection", b"close"),
        (b"x-two", b"2"),
    ]
    assert upward(call(headers), (), identity_only=False) == [(b"x-two", b"2")]
    assert AnswerHead(headers).passed == [(b"x-two", b"2")]


def test_of_repeated_headers_the_first_counts_and_all_pass() -> None:
    headers = [(b"Content-Type", b"a/b"), (b"content-type", b"c/d")]
    assert AnswerHead(headers).content_type == "a/b"
    assert [value for _, value in AnswerHead(headers).passed] == [b"a/b", b"c/d"]


def test_a_model_s_name_is_always_fit_for_a_header() -> None:
    assert identity("7", "chat:high") == [
        (b"x-jano-request-id", b"7"),
        (b"x-jano-model", b"chat:high"),
    ]
    assert identity("7", "größe")[1][1] == b"gr%C3%B6%C3%9Fe"
    assert identity("7", "a\nb")[1][1] == b"a%0Ab"


def test_waits_are_whole_milliseconds() -> None:
    assert waits(12.6, 0.0) == [(b"x-jano-queue-ms", b"13"), (b"x-jano-swap-ms", b"0")]
