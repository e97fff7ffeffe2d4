"""The authenticator of a box with keys that its configuration lists."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from ..errors import Refused
from .contracts import Authenticator, Caller


class KeysSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth.settings]`: the keys, each best as a reference: `keys = ["${env:JANO_KEY}"]`."""

    keys: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]


class KeysAuthenticator(Authenticator):
    """Admits who brings one of the keys: as a bearer token, as `x-api-key`, or as the password of
    Basic. Each of them may do everything; only headers that hold a key are consumed.
    """

    name = "keys"
    Settings = KeysSettings

    def __init__(self, settings: Struct | None = None) -> None:
        super().__init__(settings)
        assert isinstance(settings, KeysSettings)
        self._keys = tuple(key.encode() for key in settings.keys)

    def admit(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """See `Authenticator.admit`."""
        # Some clients send their key in both: no model server is to see it in the second.
        consumed = frozenset(
            header for header, brought in _brought(headers) if self._is_key(brought)
        )
        if not consumed:
            raise Refused("invalid_api_key", "the API key is missing or wrong")
        return Caller(consumed=consumed)

    def _is_key(self, brought: bytes) -> bool:
        return any(hmac.compare_digest(brought, key) for key in self._keys)


def _brought(headers: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The keys that a request may have meant, each with the header that holds it."""
    scheme, _, value = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"bearer":
        yield b"authorization", value.strip()
    elif scheme.lower() == b"basic":
        try:
            yield b"authorization", b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            pass  # not Basic, then, and no key
    if b"x-api-key" in headers:
        yield b"x-api-key", headers[b"x-api-key"].strip()
