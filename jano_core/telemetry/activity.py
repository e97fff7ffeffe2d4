"""The log of finished requests behind `/api/metrics/activity` and `/api/metrics/stats`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import count
from typing import Any

from msgspec import Struct

from ..clock import iso
from ..plugin.contracts import Usage
from .activity_query import ActivityQuery
from .captures import Captures
from .distribution import distribution
from .facts import Listener, RequestEnded
from .usage_records import NOTHING_REPORTED


class ActivityRow(Struct, frozen=True, gc=False):
    """One finished request with its number."""

    id: int
    fact: RequestEnded

    @property
    def usage(self) -> Usage:
        """What the server reported; empty where it reported nothing."""
        return self.fact.usage or NOTHING_REPORTED


class Activity(Listener):
    """The last `size` finished requests, resident models' too.

    What was captured of them is found in `captures` under the numbers that are given here.
    """

    def __init__(self, size: int = 1000, captures: Captures | None = None) -> None:
        self.size = size
        self._captures = captures or Captures(0)
        self._ended: deque[RequestEnded] = deque(maxlen=size)
        self.newest_id = 0
        """Numbers count from 1 and never repeat."""
        self.hears = {RequestEnded: self._keep}

    def page(self, query: ActivityQuery) -> dict[str, Any]:
        """One page of the rows that match, in llama-swap's shape."""
        first = self.newest_id - len(self._ended) + 1
        numbered = map(ActivityRow, count(first), self._ended)
        rows = [row for row in numbered if _matches(row, query)]
        rows.sort(key=lambda row: _sort_key(row, query.sort), reverse=query.order == "desc")
        skipped = (query.page - 1) * query.limit
        return {
            "data": [self._shown(row) for row in rows[skipped : skipped + query.limit]],
            "page": query.page,
            "limit": query.limit,
            "total": len(rows),
            "total_pages": -(-len(rows) // query.limit),
        }

    def stats(self, model: str = "") -> dict[str, Any]:
        """Totals and the distribution of speeds, of one model or (empty) of all."""
        usages = [
            fact.usage or NOTHING_REPORTED
            for fact in self._ended
            if not model or fact.model == model
        ]
        return {
            "total_requests": len(usages),
            "total_input_tokens": _sum(usage.prompt_tokens for usage in usages),
            "total_output_tokens": _sum(usage.generated_tokens for usage in usages),
            "total_cache_tokens": _sum(usage.cached_tokens for usage in usages),
            "prompt_histogram": distribution(usage.prompt_per_second for usage in usages),
            "gen_histogram": distribution(usage.generated_per_second for usage in usages),
        }

    def _keep(self, fact: RequestEnded) -> None:
        self.newest_id += 1
        self._ended.append(fact)
        if self._captures.open:
            self._captures.keep(self.newest_id, fact)

    def _shown(self, row: ActivityRow) -> dict[str, Any]:
        fact, usage = row.fact, row.usage
        return {
            "id": row.id,
            "timestamp": iso(fact.at),
            "model": fact.model,
            "req_path": fact.path,
            "resp_content_type": fact.content_type,
            "resp_status_code": fact.status,
            "tokens": {
                "cache_tokens": usage.cached_tokens,
                "draft_tokens": None,
                "draft_acc_tokens": None,
                "input_tokens": usage.prompt_tokens,
                "output_tokens": usage.generated_tokens,
                "prompt_per_second": usage.prompt_per_second,
                "tokens_per_second": usage.generated_per_second,
            },
            "duration_ms": round(fact.total_ms),
            "has_capture": row.id in self._captures,
            "error_msg": fact.error,
            "metadata": {
                "request": fact.id,
                "outcome": fact.outcome,
                "client": fact.client,
                "session": fact.session,
                "priority": fact.priority,
                "count_source": usage.count_source or "",
                "rate_source": usage.source or "",
            },
        }


def _matches(row: ActivityRow, query: ActivityQuery) -> bool:
    return (
        (not query.models or row.fact.model in query.models)
        and query.start <= row.fact.at <= query.end
        and query.min_id <= row.id
        and (not query.max_id or row.id <= query.max_id)
    )


def _sort_key(row: ActivityRow, key: str) -> tuple[bool, Any, int]:
    fact, usage = row.fact, row.usage
    value: Any = {
        "id": row.id,
        "time": fact.at,
        "model": fact.model,
        "req_path": fact.path,
        "resp_status_code": fact.status,
        "resp_content_type": fact.content_type,
        "cached": usage.cached_tokens,
        "prompt": usage.prompt_tokens,
        "generated": usage.generated_tokens,
        "drafted": None,
        "prompt_speed": usage.prompt_per_second,
        "gen_speed": usage.generated_per_second,
        "duration": fact.total_ms,
    }[key]
    return value is not None, value if value is not None else 0, row.id


def _sum(values: Iterable[int | None]) -> int:
    return sum(value or 0 for value in values)
