"""What the router says of itself at one moment."""

from __future__ import annotations

from statistics import quantiles
from typing import Any

from msgspec import Struct

from jano_core.cli.router import Router

RECENT = 100
"""Finished requests that the waits are taken from."""


class Picture(Struct, frozen=True):
    """The router's answers, as they came."""

    status: dict[str, Any]
    queue: dict[str, Any]
    records: list[dict[str, Any]]

    @classmethod
    def take(cls, router: Router) -> Picture:
        """Ask. Raises `Unreachable`, or `JanoError` with what the router said."""
        return cls(
            router.get("/status"),
            router.get("/api/queue"),
            router.get(f"/usage?limit={RECENT}")["records"],
        )

    def waits(self) -> tuple[float, float] | None:
        """Median and 95th percentile, in seconds, of how long the last requests waited."""
        known = [row["queue_ms"] for row in self.records if row["queue_ms"] is not None]
        if len(known) < 2:
            return None
        parts = quantiles(known, n=20, method="inclusive")
        return parts[9] / 1000, parts[18] / 1000
