"""Ollama's own API: counts and nanoseconds at the top of the last object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...plugin.contracts import Usage, UsageNormalizer
from .numbers import count, per_second


class OllamaUsage(UsageNormalizer):
    """Reads `/api/chat`, `/api/generate` and `/api/embed`, streamed as lines of JSON or whole."""

    name: ClassVar[str] = "ollama"
    marks: ClassVar[tuple[bytes, ...]] = (b'eval_count"',)

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Counts and durations of the final object; the earlier ones have none."""
        prompt = count(document.get("prompt_eval_count"))
        generated = count(document.get("eval_count"))
        if prompt is None and generated is None:
            return None
        generated_rate = per_second(generated, document.get("eval_duration"))
        prompt_rate = per_second(prompt, document.get("prompt_eval_duration"))
        return Usage(
            prompt_tokens=prompt,
            generated_tokens=generated,
            generated_per_second=generated_rate,
            prompt_per_second=prompt_rate,
            source="ollama" if generated_rate or prompt_rate else None,
        )
