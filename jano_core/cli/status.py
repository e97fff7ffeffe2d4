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
from .swap_cost import account, in_short
from .text import cut, padded

_ROWS = 10


@click.command(
    epilog="""\b
Examples:
  jano status
  jano status --today
  jano status --json | jq .queueDepth"""
)
@click.option("--today", is_flag=True, help="Show what swapping has cost since midnight.")
@json_option
@url_option
def command(today: bool, as_json: bool, url: str | None) -> None:
    """Show models and queue on one screen."""
    router = find(url)
    status = router.get("/status")
    if today:
        cost = status["swapCostToday"]
        click.echo(json.dumps(cost) if as_json else "\n".join(account(cost)))
        return
    queue = router.get("/api/queue")
    if as_json:
        click.echo(json.dumps(status | {"queue": queue}))
        return
    for line in screen(router.url, status, queue, time.time()):
        click.echo(line)


def screen(url: str, status: dict[str, Any], queue: dict[str, Any], now: float) -> Iterator[str]:
    """The lines of the screen, at most 80 columns; `now` in unix seconds."""
    up = show_duration(status["uptimeSeconds"])
    yield cut(f"jano {status['version']}  {url}  {status['strategy']}  up {up}", 80)
    yield ""
    yield from models(status, now)
    yield ""
    yield from waiting(queue["waiting"], _ROWS)
    yield ""
    yield from summary(status)


def models(status: dict[str, Any], now: float) -> Iterator[str]:
    """A line for each model, and one below it for what it is doing or what went wrong."""
    yield f"{'MODEL':26}{'STATE':10}{'FOR':>8}{'RUN':>5}{'WAIT':>6}{'TOK/S':>9}{'MEMORY':>12}"
    for name, model in status["models"].items():
        since = datetime.fromisoformat(model["since"]).timestamp()
        age = show_duration(max(0.0, now - since))
        rate = status["tokSByModel"].get(name)
        memory = show_size(model["memory"]) if model["memory"] else ""
        yield (
            f"{padded(name, 26)}{model['state']:10}{age:>8}{model['inFlight']:>5}"
            f"{model['queued']:>6}{'' if rate is None else rate:>9}{memory:>12}"
        )
        if model["progress"] is not None or model["note"]:
            far = "" if model["progress"] is None else f"{model['progress']:.0%} "
            yield cut(f"  loading: {far}{model['note'] or ''}".rstrip(), 80)
        if model["lastError"]:
            yield cut(f"  {model['lastError']}", 80)


def waiting(rows: list[dict[str, Any]], most: int) -> Iterator[str]:
    """The queue in its order, at most so many requests of it."""
    if not rows:
        yield "nothing waits"
        return
    yield f"{'WAITING':>7}  {'MODEL':28}{'CLIENT':20}{'PRIORITY':9}{'SINCE':>7}{'ETA':>7}"
    for row in rows[:most]:
        eta = "?" if row["eta_ms"] is None else show_duration(row["eta_ms"] / 1000)
        yield (
            f"{row['position']:>7}  {padded(row['model'], 28)}{padded(row['client'], 20)}"
            f"{row['priority']:9}{show_duration(row['waited_ms'] / 1000):>7}{eta:>7}"
        )
    if len(rows) > most:
        yield f"{'':9}and {len(rows) - most} more"


def summary(status: dict[str, Any]) -> Iterator[str]:
    """What has been, in a few lines."""
    rate = status["recentGenTokS"]
    speed = "" if rate is None else f", {rate} tok/s lately"
    errors = status["errorsLast15m"]
    yield (
        f"{status['requestsServedTotal']} served, {status['requestsPerMinute']} in the last"
        f" minute{speed}; {errors} {'error' if errors == 1 else 'errors'} in 15m"
    )
    if error := status["lastError"]:
        at = datetime.fromisoformat(error["ts"]).astimezone().strftime("%H:%M:%S")
        yield cut(f"last error {at} {error['model'] or ''}: {error['message']}", 80)
    yield in_short(status["swapCostToday"])
