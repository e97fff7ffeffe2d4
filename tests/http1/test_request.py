"""What clients send: read byte by byte as in one piece, and refused where it is ambiguous."""

from __future__ import annotations

import random

import pytest

from jano_core.http1.request import MAX_HEAD, MAX_WAITING, PIECE_COST, Request, RequestReader

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
H2C = b"connection: upgrade\r\nupgrade: h2c\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> RequestReader:
    reader = RequestReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def seen(reader: RequestReader) -> list[tuple[str, bytes, bytes, bytes, bool, bool]]:
    """Method, path, query, body, whole, fit for another."""
    return [
        (
            each.method,
            each.raw_path,
            each.query,
            b"".join(each.body),
            each.complete,
            each.keep_alive,
        )
        for each in reader.arrived
    ]


WHOLE = {
    "nothing but a head": (GET + b"\r\n", [("GET", b"/", b"", b"", True, True)]),
    "a length": (
        POST + b"content-length: 2\r\n\r\nhi",
        [("POST", b"/", b"", b"hi", True, True)],
    ),
    "chunks": (
        CHUNKED + b"2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nx-trailer: 1\r\n\r\n",
        [("POST", b"/", b"", b"hi!", True, True)],
    ),
    "a body to come": (
        POST + b"content-length: 3\r\n\r\nhi",
        [("POST", b"/", b"", b"hi", False, True)],
    ),
    "the last word": (
        GET + b"connection: close\r\n\r\n",
        [("GET", b"/", b"", b"", True, False)],
    ),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n", [("GET", b"/a", b"", b"", True, False)]),
    "HTTP/1.0 that would stay": (
        b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        [("GET", b"/", b"", b"", True, False)],
    ),
    "three in a row": (
        GET + b"\r\n" + POST + b"content-length: 1\r\n\r\nA" + GET + b"\r\n",
        [
            ("GET", b"/", b"", b"", True, True),
            ("POST", b"/", b"", b"A", True, True),
            ("GET", b"/", b"", b"", True, True),
        ],
    ),
    "empty lines before it": (b"\r\n\r\n" + GET + b"\r\n", [("GET", b"/", b"", b"", True, True)]),
    "a path as it was written": (
        b"GET /a%2Fb//..?q=%20?x&y HTTP/1.1\r\nhost: x\r\n\r\n",
        [("GET", b"/a%2Fb//..", b"q=%20?x&y", b"", True, True)],
    ),
    "a whole URL": (
        b"GET HTTP://other:1/p?q HTTP/1.1\r\nhost: x\r\n\r\n",
        [("GET", b"/p", b"q", b"", True, True)],
    ),
    "a URL without a path": (
        b"GET http://other?q HTTP/1.1\r\nhost: x\r\n\r\n",
        [("GET", b"/", b"q", b"", True, True)],
    ),
    "the server itself": (
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        [("OPTIONS", b"*", b"", b"", True, True)],
    ),
    "a wish for another protocol": (
        GET + H2C + b"\r\n" + GET + b"\r\n",
        [("GET", b"/", b"", b"", True, True)] * 2,
    ),
    "such a wish with a body": (
        POST + H2C + b"content-length: 2\r\n\r\nhi" + GET + b"\r\n",
        [("POST", b"/", b"", b"hi", True, True), ("GET", b"/", b"", b"", True, True)],
    ),
    "such a wish with chunks": (
        POST + H2C + b"transfer-encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\n\r\n" + GET + b"\r\n",
        [("POST", b"/", b"", b"hi", True, True), ("GET", b"/", b"", b"", True, True)],
    ),
    "such a wish with an empty body": (
        POST + H2C + b"content-length: 0\r\n\r\n" + GET + b"\r\n",
        [("POST", b"/", b"", b"", True, True), ("GET", b"/", b"", b"", True, True)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE)
def test_a_request_with(what: str) -> None:
    text, expected = WHOLE[what]
    for size in (len(text), 1, 7):
        reader = read(*cut(text, size))
        assert reader.refusal is None
        assert seen(reader) == expected


BAD = {
    "both lengths": CHUNKED[:-2] + b"content-length: 2\r\n\r\n0\r\n\r\n",
    "both lengths the other way": POST
    + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
    "one length twice": POST + b"content-length: 2\r\ncontent-length: 2\r\n\r\nhi",
    "a list of lengths": POST + b"content-length: 2, 2\r\n\r\nhi",
    "a length with a sign": POST + b"content-length: +2\r\n\r\nhi",
    "a length in hex": POST + b"content-length: 0x2\r\n\r\nhi",
    "an empty length": POST + b"content-length: \r\n\r\nhi",
    "a length beyond all bounds": POST + b"content-length: 99999999999999999999\r\n\r\n",
    "a space before the colon": POST + b"content-length : 2\r\n\r\nhi",
    "a space before the name": GET + b" a: b\r\n\r\n",
    "a space in a name": GET + b"a b: c\r\n\r\n",
    "an empty name": GET + b": b\r\n\r\n",
    "a line without a colon": GET + b"a\r\n\r\n",
    "a name beyond ASCII": GET + b"a\x80: b\r\n\r\n",
    "a bare carriage return": GET + b"x: a\rcontent-length: 2\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nhost: x\n\n",
    "a bare line feed after a header": GET + b"a: b\n\r\n",
    "a folded header": GET + b"x: a\r\n b\r\n\r\n",
    "a NUL": GET + b"x: a\0b\r\n\r\n",
    "another coding": POST + b"transfer-encoding: gzip\r\n\r\n",
    "a coding before chunks": POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding after chunks": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding that looks like chunks": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": POST
    + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk with a sign": CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n",
    "a chunk with a space": CHUNKED + b"2 \r\nhi\r\n0\r\n\r\n",
    "a chunk beyond all bounds": CHUNKED + b"ffffffffffffffffff\r\nhi\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"2\r\nhixx\r\n0\r\n\r\n",
    "a chunk with a bare line feed": CHUNKED + b"2\nhi\r\n0\r\n\r\n",
    "a bare line feed in a chunk's extension": CHUNKED + b"2;a\nb\r\nhi\r\n0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"host: y\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an answer": b"HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nhost: x\r\n\r\n",
    "a target without a slash": b"GET foo HTTP/1.1\r\nhost: x\r\n\r\n",
    "a star for a path": b"GET * HTTP/1.1\r\nhost: x\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nhost: x\r\n\r\n",
    "a target beyond ASCII": b"GET /\xc3\xbc HTTP/1.1\r\nhost: x\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
    "a user in the target": b"GET http://me@x/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/ HTTP/1.1\r\nhost: x\r\n\r\n",
}  # fmt: skip
OTHER = {
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "a version to come": (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
    "a proxy's business": (b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", 501),
    "a tunnel to a path": (b"CONNECT /a HTTP/1.1\r\nhost: x\r\n\r\n", 501),
    "a giant header": (GET + b"x: " + b"a" * (MAX_HEAD + 1) + b"\r\n\r\n", 431),
    "many headers": (GET + b"x: y\r\n" * MAX_HEAD + b"\r\n", 431),
    "a giant target": (b"GET /" + b"a" * MAX_HEAD + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
    "a header without an end": (GET + b"x: " + b"a" * 8 * MAX_HEAD, 431),
    "empty lines without end": (b"\r\n" * MAX_HEAD, 431),
    "trailers without end": (CHUNKED + b"0\r\n" + b"x: y\r\n" * MAX_HEAD, 431),
    "many at once": ((GET + b"\r\n") * (MAX_WAITING + 1), 503),
}
REFUSED = {**{what: (text, 400) for what, text in BAD.items()}, **OTHER}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_is(what: str) -> None:
    text, status = REFUSED[what]
    for size in (65536, 4096, 1 if len(text) < 1000 else 500):
        reader = read(*cut(text, size))
        assert reader.refusal is not None
        assert reader.refusal[0] == status
        before = len(reader.arrived)
        reader.feed(GET + b"\r\n")
        assert len(reader.arrived) == before


def test_a_head_just_within_the_limit_is_read() -> None:
    text = GET + b"x: " + b"a" * (MAX_HEAD - 10) + b"\r\n\r\n"
    for size in (len(text), 1000):
        assert read(*cut(text, size)).refusal is None


def test_headers_are_kept_but_for_the_case_of_their_names() -> None:
    (request,) = read(GET + b"X-Two: A \t\r\nx-two:  b\r\nEmpty:\r\n\r\n").arrived
    kept = [(b"host", b"x"), (b"x-two", b"A"), (b"x-two", b"b"), (b"empty", b"")]
    assert request.headers == kept


def test_the_host_of_a_whole_url_counts() -> None:
    (request,) = read(b"GET http://o:1/ HTTP/1.1\r\na: b\r\nhost: x\r\n\r\n").arrived
    assert request.headers == [(b"host", b"o:1"), (b"a", b"b")]


def test_what_follows_a_websocket_s_request_is_left_alone() -> None:
    text = GET + b"Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    reader = read(text + b"\x81\x80", b"more")
    (request,) = reader.arrived
    assert request.websocket
    assert reader.rest == b"\x81\x80more"


def test_untaken_pieces_are_accounted() -> None:
    reader = read(POST + b"content-length: 6\r\n\r\nab", b"cd", b"ef")
    (request,) = reader.arrived
    assert reader.unread == 6 + 3 * PIECE_COST
    reader.drop(request)
    assert reader.unread == 0


def test_nothing_that_a_client_sends_escapes() -> None:
    """A fuzzer with a seed: whatever comes, it is read or refused, the same however it is cut."""
    dice = random.Random(20261120)
    texts = [text for text, _ in [*WHOLE.values(), *REFUSED.values()] if len(text) < 1000]
    for _ in range(3000):
        text = bytearray(dice.choice(texts) + dice.choice(texts))
        for _ in range(dice.randrange(4)):
            at = dice.randrange(len(text))
            text[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        whole, pieces = read(bytes(text)), read(*cut(bytes(text), dice.randrange(1, 40)))
        assert (whole.refusal is None) == (pieces.refusal is None)
        assert seen(whole) == seen(pieces)
        for reader in (whole, pieces):
            for request in reader.arrived:
                assert sane(request), text


def sane(request: Request) -> bool:
    words = [request.raw_path, request.query, *(part for pair in request.headers for part in pair)]
    return not any(bad in word for word in words for bad in (b"\r", b"\n", b"\0"))
