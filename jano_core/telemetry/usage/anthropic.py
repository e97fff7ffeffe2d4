"""`usage` of the Anthropic dialect: whole messages, `message_start` and `message_delta`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...plugin.contracts import Usage, UsageNormalizer
from .numbers import count, member, total

MESSAGE_TYPES = ("message", "message_start", "message_delta")


class AnthropicUsage(UsageNormalizer):
    """Its `input_tokens` leave out what a cache has read or written; here all are the prompt's."""

    name: ClassVar[str] = "anthropic"
    marks: ClassVar[tuple[bytes, ...]] = (b'"usage"',)

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Usage in a whole message or a stream's first and last events."""
        if document.get("type") not in MESSAGE_TYPES:
            return None
        usage = member(document, "usage") or member(member(document, "message"), "usage")
        if not usage:
            return None
        cached = count(usage.get("cache_read_input_tokens"))
        fresh = count(usage.get("input_tokens"))
        written = count(usage.get("cache_creation_input_tokens"))
        return Usage(
            prompt_tokens=None if fresh is None else total(fresh, cached, written),
            generated_tokens=count(usage.get("output_tokens")),
            cached_tokens=cached,
        )
