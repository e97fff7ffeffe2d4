"""Anthropic's wire API, spoken below `/v1/messages`."""

from __future__ import annotations

import msgspec

from ..errors import Refused
from ..plugin.contracts import Dialect

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
}
"""HTTP status → `error.type`; other 4xx are invalid requests, other 5xx API errors."""


class Anthropic(Dialect):
    """`{"type": "error", "error": {"type", "message"}}` and `ping` events."""

    name = "anthropic"
    prefixes = ("/v1/messages", "/v/messages", "/messages")

    def error(self, refused: Refused) -> bytes:
        """See `Dialect.error`. Jano's code and extra members follow the two fixed ones."""
        fallback = "invalid_request_error" if refused.status < 500 else "api_error"
        error = {
            "type": TYPES.get(refused.status, fallback),
            "message": refused.message,
            "code": refused.code,
            **refused.extra,
        }
        return msgspec.json.encode({"type": "error", "error": error})

    def stream_error(self, refused: Refused) -> bytes:
        """The API's own `error` event."""
        return b"event: error\ndata: " + self.error(refused) + b"\n\n"

    def keepalive(self, text: str) -> bytes:
        """The API's own sign of life; it has no room for `text`."""
        return b'event: ping\ndata: {"type": "ping"}\n\n'
