"""OpenAI's wire API, and the default wherever no other dialect claims a path."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import Refused
from ..plugin.contracts import Dialect

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""HTTP status → `error.type`; other 4xx are invalid requests, the rest the server's fault."""


class OpenAI(Dialect):
    """`{"error": {"message", "type", "param", "code"}}` and comment lines."""

    name = "openai"
    prefixes = ("/",)

    def error(self, refused: Refused) -> bytes:
        """See `Dialect.error`; members of `refused.extra` follow the four fixed ones."""
        return msgspec.json.encode({"error": self._members(refused)})

    def stream_error(self, refused: Refused) -> bytes:
        """One `data:` event: the official clients raise on any event with an `error` member."""
        return b"data: " + self.error(refused) + b"\n\n"

    def keepalive(self, text: str) -> bytes:
        """A comment line, which every reader of event streams skips."""
        return b": " + " ".join(text.split()).encode() + b"\n\n"

    def loading(self, text: str, model: str) -> bytes:
        """A chat chunk whose text shows up as reasoning, never in the answer itself."""
        chunk = {
            "id": "jano-loading",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": model,
            "choices": [
                {"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None},
            ],
        }
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def _members(self, refused: Refused) -> dict[str, Any]:
        fallback = "invalid_request_error" if refused.status < 500 else "server_error"
        return {
            "message": refused.message,
            "type": TYPES.get(refused.status, fallback),
            "param": refused.param,
            "code": refused.code,
            **refused.extra,
        }
