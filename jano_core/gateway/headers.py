"""Which headers pass: end-to-end ones do, both ways; those of one connection do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
_NOBODY: frozenset[bytes] = frozenset()
_REMADE_UP = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
"""Not forwarded to a server, besides: its own host, the length as sent, and an answered 100."""

_OWN = frozenset({b"x-jano-request-id", b"x-jano-model", b"x-jano-queue-ms", b"x-jano-swap-ms"})
_REMADE_DOWN = HOP_BY_HOP | _OWN


def upward(
    headers: RawHeaders, consumed: Collection[bytes], length: int | None, *, identity_only: bool
) -> RawHeaders:
    """The headers for a model server. `consumed` were meant for Jano alone (credentials that it
    checked); `length` is the body's, None for a request without one. `identity_only` asks for an
    answer that is not compressed, because Jano has already begun it.
    """
    dropped = _REMADE_UP
    if named := _named_by_connection(headers):
        dropped = dropped | named
    if consumed:
        dropped = dropped.union(consumed)
    if identity_only:
        dropped = dropped | {b"accept-encoding"}
    passed = [pair for pair in headers if pair[0] not in dropped]
    if identity_only:
        passed.append((b"accept-encoding", b"identity"))
    if length is not None:
        passed.append((b"content-length", str(length).encode()))
    return passed


def replaced(headers: RawHeaders, by: Mapping[str, str]) -> RawHeaders:
    """The headers with these in place of those that have the same name."""
    kept = [pair for pair in headers if pair[0].decode("latin-1") not in by]
    return kept + [(name.encode("latin-1"), value.encode("latin-1")) for name, value in by.items()]


def downward(headers: RawHeaders) -> RawHeaders:
    """The headers of a model server's answer that the client gets, in order, lower-case."""
    dropped = _REMADE_DOWN
    if named := _named_by_connection(headers):
        dropped = dropped | named
    lower = [(name.lower(), value) for name, value in headers]
    return [pair for pair in lower if pair[0] not in dropped]


def identity(request: str, model: str) -> RawHeaders:
    """What every answer of a model endpoint says of itself."""
    name = model if model.isascii() and model.isprintable() else quote(model)
    return [(b"x-jano-request-id", request.encode()), (b"x-jano-model", name.encode())]


def waits(queue_ms: float, swap_ms: float) -> RawHeaders:
    """How long the request waited, and how much of that was a swap."""
    return [
        (b"x-jano-queue-ms", str(round(queue_ms)).encode()),
        (b"x-jano-swap-ms", str(round(swap_ms)).encode()),
    ]


def value_of(headers: RawHeaders, name: bytes) -> bytes:
    """The first value of a header, empty where it is absent."""
    return next((value for found, value in headers if found.lower() == name), b"")


def _named_by_connection(headers: RawHeaders) -> frozenset[bytes]:
    values = [value for name, value in headers if len(name) == 10 and name.lower() == b"connection"]
    if not values:
        return _NOBODY
    return frozenset(word.strip().lower() for value in values for word in value.split(b","))
