"""Which headers pass: end-to-end ones do, both ways; those of one connection do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from .call import RawHeaders

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
_USUAL = (b"keep-alive", b"close")
"""What `connection` says when it names no other header."""
_REMADE_UP = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
"""Not forwarded to a server, besides: its own host, the length as sent, and an answered 100."""

_OWN = frozenset({b"x-jano-request-id", b"x-jano-model", b"x-jano-queue-ms", b"x-jano-swap-ms"})
_REMADE_DOWN = HOP_BY_HOP | _OWN
_TOLD = frozenset({b"content-type", b"content-length", b"content-encoding", b"x-accel-buffering"})


def upward(
    headers: RawHeaders, consumed: Collection[bytes], length: int | None, *, identity_only: bool
) -> RawHeaders:
    """The headers for a model server. `consumed` were meant for Jano alone (credentials that it
    checked); `length` is the body's, None for a request without one. `identity_only` asks for an
    answer that is not compressed, because Jano has already begun it.
    """
    dropped = _REMADE_UP
    if said := [value for name, value in headers if name == b"connection"]:
        dropped = dropped | _named(said)
    if consumed:
        dropped = dropped.union(consumed)
    if identity_only:
        dropped = dropped | {b"accept-encoding"}
    passed = [pair for pair in headers if pair[0] not in dropped]
    if identity_only:
        passed.append((b"accept-encoding", b"identity"))
    if length is not None:
        passed.append((b"content-length", b"%d" % length))
    return passed


def replaced(headers: RawHeaders, by: Mapping[str, str]) -> RawHeaders:
    """The headers with these in place of those that have the same name."""
    kept = [pair for pair in headers if pair[0].decode("latin-1") not in by]
    return kept + [(name.encode("latin-1"), value.encode("latin-1")) for name, value in by.items()]


class AnswerHead:
    """The headers of a model server's answer: `passed` are those that the client gets, in order,
    with lower-case names; of the others what the gateway must know.
    """

    __slots__ = ("coding", "content_type", "length", "passed", "unbuffered")

    def __init__(self, headers: RawHeaders) -> None:
        self.content_type = ""
        self.coding = ""
        """Content coding as it stands there, of the first such header."""
        self.length: int | None = None
        """The body's, where it is announced."""
        self.unbuffered = False
        """It says itself what proxies in between are to do."""
        passed: RawHeaders = []
        said: list[bytes] = []
        for name, value in headers:
            name = name.lower()
            if name not in _REMADE_DOWN:
                passed.append((name, value))
                if name == b"content-type":
                    self.content_type = self.content_type or value.decode("latin-1")
                elif name == b"content-length":
                    self.length = int(value) if value.isdigit() else None
                elif name == b"content-encoding":
                    self.coding = self.coding or value.decode("latin-1")
                elif name == b"x-accel-buffering":
                    self.unbuffered = True
            elif name == b"connection":
                said.append(value)
        if said and (named := _named(said)):
            passed = [pair for pair in passed if pair[0] not in named]
        self.passed = passed

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
        (b"x-jano-queue-ms", b"%d" % round(queue_ms)),
        (b"x-jano-swap-ms", b"%d" % round(swap_ms)),
    ]


def value_of(headers: RawHeaders, name: bytes) -> bytes:
    """The first value of a header, empty where it is absent."""
    return next((value for found, value in headers if found.lower() == name), b"")


def _named(said: Iterable[bytes]) -> frozenset[bytes]:
    """The headers of one connection, by what its `connection` headers say."""
    unusual = [value for value in said if value.lower() not in _USUAL]
    return frozenset(word.strip().lower() for value in unusual for word in value.split(b","))
