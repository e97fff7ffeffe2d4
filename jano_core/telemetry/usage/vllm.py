"""vLLM's `metrics` of a request, which it sends where `--enable-per-request-metrics` is on.

After docs/features/per_request_metrics.md of vllm-project/vllm. What it says of the prompt is the
time to the first token, cached tokens included: no rate of reading follows from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...plugin.contracts import Usage, UsageNormalizer
from .numbers import member, rate


class VllmUsage(UsageNormalizer):
    """Its counts are in `usage`, as with everybody who speaks OpenAI's dialect."""

    name: ClassVar[str] = "vllm"
    marks: ClassVar[tuple[bytes, ...]] = (b'"metrics"',)

    def read(self, document: Mapping[str, Any]) -> Usage | None:
        """Beside `usage`, in a whole answer or in a stream's last chunk."""
        generated_rate = rate(member(document, "metrics").get("tokens_per_second"))
        if generated_rate is None:
            return None
        return Usage(generated_per_second=generated_rate, source="metrics")
