"""Which headers pass: end-to-end ones do, both ways; those of one connection do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import quote

from .call import Call, RawHeaders

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOBODY: frozenset[bytes] = frozenset()
_USUAL = (b"keep-alive", b"close", b"Keep-Alive")
"""What `connection` says when it names no other header."""
_REMADE_UP = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
"""Not forwarded to a server, besides: its own host, the length as sent, and an answered 100."""

_OWN = frozenset({b"x-jano-request-id", b"x-jano-model", b"x-jano-queue-ms", b"x-jano-swap-ms"})
_REMADE_DOWN = HOP_BY_HOP | _OWN | {b"date"}
"""Not passed on to a client, besides: what Jano says itself, and the time, which its HTTP server
says."""


def upward(call: Call, consumed: Collection[bytes], *, identity_only: bool) -> RawHeaders:
    """The headers for a model server. `consumed` were meant for Jano alone (credentials that it
    checked). `identity_only` asks for an answer that is not compressed, because Jano has already
    begun it.
    """
    headers, dropped = call.headers, _REMADE_UP
    if b"connection" in call.fields and (named := _named(headers)):
        dropped = dropped | named
    if consumed:
        dropped = dropped.union(consumed)
    if identity_only:
        dropped = dropped | {b"accept-encoding"}
    passed = [pair for pair in headers if pair[0] not in dropped]
    if identity_only:
        passed.append((b"accept-encoding", b"identity"))
    return passed


def replaced(headers: RawHeaders, by: Mapping[str, str]) -> RawHeaders:
    """The headers with these in place of those that have the same name."""
    kept = [pair for pair in headers if pair[0].decode("latin-1") not in by]
    return kept + [(name.encode("latin-1"), value.encode("latin-1")) for name, value in by.items()]


class AnswerHead:
    """The headers of a model server's answer: `passed` are those that the client gets, in order,
    with lower-case names. Of a repeated one the first counts: `content_type`, `coding` (of the
    content) as they stand there, empty where they are absent; `length` of the body where it is
    announced; `unbuffered` if it says itself what proxies in between are to do.
    """

    __slots__ = ("coding", "content_type", "length", "passed", "unbuffered")

    def __init__(self, headers: RawHeaders) -> None:
        fields: dict[bytes, bytes] = {}
        self.passed = passed = []
        for name, value in headers:
            name = name.lower()
            fields.setdefault(name, value)
            if name not in _REMADE_DOWN:
                passed.append((name, value))
        if b"connection" in fields and (named := _named(headers)):
            self.passed = [pair for pair in passed if pair[0] not in named]
        self.content_type = fields.get(b"content-type", b"").decode("latin-1")
        self.coding = fields.get(b"content-encoding", b"").decode("latin-1")
        length = fields.get(b"content-length", b"")
        self.length = int(length) if length.isdigit() else None
        self.unbuffered = b"x-accel-buffering" in fields

    @property
    def plain(self) -> bool:
        """The body is not compressed."""
        return self.coding.lower() in ("", "identity")


def identity(request: str, model: str) -> RawHeaders:
    """What every answer of a model endpoint says of itself."""
    return [(b"x-jano-request-id", request.encode()), (b"x-jano-model", _shown(model))]


@lru_cache(maxsize=1024)
def _shown(model: str) -> bytes:
    plain = model.isascii() and model.isprintable()
    return (model if plain else quote(model)).encode()


def waits(queue_ms: float, swap_ms: float) -> RawHeaders:
    """How long the request waited, and how much of that was a swap."""
    return [
        (b"x-jano-queue-ms", b"%d" % (queue_ms + 0.5)),
        (b"x-jano-swap-ms", b"%d" % (swap_ms + 0.5)),
    ]


def value_of(headers: RawHeaders, name: bytes) -> bytes:
    """The first value of a header, empty where it is absent."""
    return next((value for found, value in headers if found.lower() == name), b"")


def _named(headers: RawHeaders) -> frozenset[bytes]:
    """The headers of one connection alone, by what its `connection` headers say."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    if len(values) == 1 and values[0] in _USUAL:
        return _NOBODY
    return frozenset(word.strip() for value in values for word in value.lower().split(b","))
