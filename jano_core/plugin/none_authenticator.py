"""The authenticator of a box that serves only those who can reach it."""

from __future__ import annotations

from collections.abc import Mapping

from .contracts import Authenticator, Caller

_ANYBODY = Caller()


class NoneAuthenticator(Authenticator):
    """Admits everybody and consumes no header, so that a server's own key passes through."""

    name = "none"

    def admit(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """See `Authenticator.admit`; never refuses."""
        return _ANYBODY
