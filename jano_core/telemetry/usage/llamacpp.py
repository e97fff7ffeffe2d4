"""llama.cpp's `timings`: rates measured by the server, counts where there is no `usage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...plugin.contracts import Usage, UsageNormalizer
from .numbers import count, member, rate, total


class LlamaCppUsage(UsageNormalizer):
    """`prompt_n` leaves out what was found in the cache; here the whole prompt is counted, as
    `usage` does, and `cached_tokens` says how much of it cost nothing.
    """

    name: ClassVar[str] = "llamacpp"
    marks: ClassVar[tuple[bytes, ...]] = (b'"timings"',)

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Timings in a whole answer or in a stream's chunk."""
        timings = member(document, "timings")
        if not timings:
            return None
        cached = count(timings.get("cache_n"))
        fresh = count(timings.get("prompt_n"))
        generated_rate = rate(timings.get("predicted_per_second"))
        prompt_rate = rate(timings.get("prompt_per_second"))
        return Usage(
            prompt_tokens=None if fresh is None else total(fresh, cached),
            generated_tokens=count(timings.get("predicted_n")),
            cached_tokens=cached,
            generated_per_second=generated_rate,
            prompt_per_second=prompt_rate,
            source="timings" if generated_rate or prompt_rate else None,
        )
