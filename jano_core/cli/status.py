"""`jano status`"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from ..units import show_duration, show_size
from .router import find, json_option, url_option

_ROWS = 10


@click.command(
    epilog="""\b
Examples:
  jano status
  jano status --json | jq .queueDepth"""
)
@json_option
@url_option
def command(as_json: bool, url: str | None) -> None:
    """Show models and queue on one screen."""
    router = find(url)
    status, queue = router.get("/status"), router.get("/api/queue")
    if as_json:
        click.echo(json.dumps(status | {"queue": queue}))
        return
    for line in screen(router.url, status, queue, time.time()):
        click.echo(line)


def screen(url: str, status: dict[str, Any], queue: dict[str, Any], now: float) -> Iterator[str]:
    """The lines of the screen, at most 80 columns; `now` in unix seconds."""
    up = show_duration(status["uptimeSeconds"])
    yield f"jano {status['version']}  {url}  {status['strategy']}  up {up}"[:80]
    yield ""
    yield f"{'MODEL':28}{'STATE':10}{'FOR':>8}{'RUN':>5}{'WAIT':>6}{'MEMORY':>11}"
    for name, model in status["models"].items():
        yield _model(name, model, now)
        if model["lastError"]:
            yield _cut(f"  {model['lastError']}", 80)
    yield ""
    yield from _queue(queue["waiting"])
    yield (
        f"{status['requestsServedTotal']} served, {status['errorsLast15m']} errors in 15m,"
        f" {status['swapsLastHour']} swaps in an hour"
    )


def _model(name: str, model: dict[str, Any], now: float) -> str:
    since = show_duration(max(0.0, now - datetime.fromisoformat(model["since"]).timestamp()))
    memory = show_size(model["memory"]) if model["memory"] else ""
    counts = f"{model['inFlight']:>5}{model['queued']:>6}"
    return f"{_cut(name, 27):28}{model['state']:10}{since:>8}{counts}{memory:>11}"


def _queue(waiting: list[dict[str, Any]]) -> Iterator[str]:
    if not waiting:
        yield "nothing waits"
        return
    yield f"{'WAITING':>7}  {'MODEL':28}{'CLIENT':20}{'PRIORITY':9}{'SINCE':>7}{'ETA':>7}"
    for row in waiting[:_ROWS]:
        eta = "?" if row["eta_ms"] is None else show_duration(row["eta_ms"] / 1000)
        yield (
            f"{row['position']:>7}  {_cut(row['model'], 27):28}{_cut(row['client'], 19):20}"
            f"{row['priority']:9}{show_duration(row['waited_ms'] / 1000):>7}{eta:>7}"
        )
    if len(waiting) > _ROWS:
        yield f"{'':9}and {len(waiting) - _ROWS} more"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
