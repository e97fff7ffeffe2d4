"""The last requests, newest first, as `GET /usage` shows them."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from ..clock import iso
from ..plugin.contracts import Usage
from .facts import Listener, RequestEnded
from .rings import tenth

DEFAULT_LIMIT = 50
NOTHING_REPORTED = Usage()


class UsageRecords(Listener):
    """A ring of the last `size` finished requests; those of resident models are left out."""

    def __init__(self, size: int) -> None:
        self._ended: deque[RequestEnded] = deque(maxlen=max(1, size))
        self.hears = {RequestEnded: self._keep}

    def resize(self, size: int) -> None:
        """Keep so many from now on; the newest stay."""
        self._ended = deque(self._ended, maxlen=max(1, size))

    def page(self, limit: str | None) -> dict[str, Any]:
        """The answer of `/usage?limit=`: a limit that makes no sense means 50."""
        records = [_record(fact) for fact in islice(reversed(self._ended), _limit(limit))]
        return {"count": len(records), "records": records}

    def _keep(self, fact: RequestEnded) -> None:
        if not fact.resident:
            self._ended.append(fact)


def _limit(text: str | None) -> int:
    try:
        limit = int(float(text or DEFAULT_LIMIT))
    except (ValueError, OverflowError):
        return DEFAULT_LIMIT
    return limit if limit > 0 else DEFAULT_LIMIT


def _record(fact: RequestEnded) -> dict[str, Any]:
    usage = fact.usage or NOTHING_REPORTED
    return {
        "ts": iso(fact.at),
        "model": fact.model,
        "status": fact.status,
        "total_ms": round(fact.total_ms),
        "ttfb_ms": _whole(fact.ttfb_ms),
        "prompt_tokens": usage.prompt_tokens,
        "gen_tokens": usage.generated_tokens,
        "gen_tok_s": _rate(usage.generated_per_second),
        "prompt_tok_s": _rate(usage.prompt_per_second),
        "id": fact.id,
        "queue_ms": _whole(fact.queue_ms),
        "swap_ms": _whole(fact.swap_ms),
        "cached_tokens": usage.cached_tokens,
        "client": fact.client,
        "priority": fact.priority,
        "outcome": fact.outcome,
    }


def _whole(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)


def _rate(value: float | None) -> float | None:
    return None if value is None else tenth(value)
