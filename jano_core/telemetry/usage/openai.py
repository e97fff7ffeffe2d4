"""`usage` of the OpenAI dialect: chat, completions, responses, embeddings, audio, images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...plugin.contracts import Usage, UsageNormalizer
from .anthropic import MESSAGE_TYPES
from .numbers import count, member, rate

RATES = frozenset({"completion_tokens_per_sec", "prompt_tokens_per_sec"})


class OpenAIUsage(UsageNormalizer):
    """Also vLLM, SGLang, MLX and whoever else speaks it; TabbyAPI adds rates of its own."""

    name: ClassVar[str] = "openai"
    marks: ClassVar[tuple[bytes, ...]] = (b'"usage"',)

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Usage in a whole answer, in a stream's last chunk, or in `response.completed`."""
        if document.get("type") in MESSAGE_TYPES:
            return None
        usage = document.get("usage")
        if not usage or not isinstance(usage, dict):
            usage = member(member(document, "response"), "usage")
            if not usage:
                return None
        prompt = count(usage.get("prompt_tokens"))
        if prompt is None:
            prompt = count(usage.get("input_tokens"))
        generated = count(usage.get("completion_tokens"))
        if generated is None:
            generated = count(usage.get("output_tokens"))
        generated_rate = prompt_rate = None
        if not RATES.isdisjoint(usage):
            generated_rate = rate(usage.get("completion_tokens_per_sec"))
            prompt_rate = rate(usage.get("prompt_tokens_per_sec"))
        return Usage(
            prompt_tokens=prompt,
            generated_tokens=generated,
            cached_tokens=_cached(usage),
            generated_per_second=generated_rate,
            prompt_per_second=prompt_rate,
            source="usage" if generated_rate or prompt_rate else None,
        )


def _cached(usage: Mapping[str, Any]) -> int | None:
    for name in ("prompt_tokens_details", "input_tokens_details"):
        if name in usage and (details := member(usage, name)):
            return count(details.get("cached_tokens"))
    return None
