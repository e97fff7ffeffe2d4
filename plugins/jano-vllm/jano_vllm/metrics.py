"""Reads a gauge off a page for Prometheus."""

from __future__ import annotations

from jano_core import Http, UpstreamError


async def total(http: Http, *names: str) -> int | None:
    """The sum of these gauges over all their labels; None where the page has none of them."""
    try:
        reply = await http.get("/metrics")
    except UpstreamError:
        return None
    if not reply.ok:
        return None
    found = [
        float(value)
        for line in reply.body.decode(errors="replace").splitlines()
        for name, _, value in [line.rpartition(" ")]
        if name.partition("{")[0] in names and _is_number(value)
    ]
    return round(sum(found)) if found else None


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False
