"""A picture as a screen of at least 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jano_core.cli.swap_cost import in_short
from jano_core.units import show_duration, show_size

from .picture import Picture

COLOURS = {
    "ready": "green",
    "starting": "cyan",
    "waking": "cyan",
    "draining": "yellow",
    "stopping": "yellow",
    "cooling": "red",
    "asleep": "blue",
}
FEWEST_ROWS = 3
"""Of the queue, on however low a screen."""

WIDTHS = {"STATE": 8, "FOR": 6, "TOK/S": 6, "MEMORY": 9, "SINCE": 6, "ETA": 6}
"""Of columns whose content changes: they must not jump."""

Row = dict[str, Any]


def draw(url: str, picture: Picture, now: float, height: int) -> RenderableType:
    """The screen; `now` in unix seconds, `height` in lines."""
    status = picture.status
    head = Text.assemble(
        ("jano ", "bold"),
        f"{status['version']}  {url}  {status['strategy']}  up ",
        show_duration(status["uptimeSeconds"]),
        no_wrap=True,
        overflow="ellipsis",
    )
    loads = [*_loads(status["models"], now)]
    foot = [*_foot(picture)]
    taken = 7 + len(status["models"]) + len(loads) + len(foot)
    return Group(
        head,
        Text(),
        _models(status, now),
        *loads,
        Text(),
        _queue(picture.queue["waiting"], max(FEWEST_ROWS, height - taken)),
        Text(),
        *foot,
    )


def _models(status: dict[str, Any], now: float) -> Table:
    table = _table("MODEL", "STATE", ">FOR", ">RUN", ">WAIT", ">TOK/S", ">MEMORY")
    for name, model in status["models"].items():
        rate = status["tokSByModel"].get(name)
        table.add_row(
            name,
            Text(model["state"], COLOURS.get(model["state"], "dim")),
            _age(model["since"], now),
            str(model["inFlight"] or ""),
            Text(str(model["queued"] or ""), "yellow"),
            "" if rate is None else str(rate),
            show_size(model["memory"]) if model["memory"] else "",
        )
    return table


def _loads(models: dict[str, Row], now: float) -> Iterable[RenderableType]:
    """A line for each model that is being loaded: how far it is, or for how long."""
    for name, model in models.items():
        if model["state"] not in ("starting", "waking"):
            continue
        line = Table.grid(padding=(0, 1))
        line.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
        fraction = model["progress"]
        done = "" if fraction is None else f"{fraction:.0%}"
        note = model["note"] or f"loading for {_age(model['since'], now)}"
        bar = ProgressBar(total=1, completed=fraction or 0, width=24, pulse=fraction is None)
        line.add_row(name, bar, done, Text(note, no_wrap=True, overflow="ellipsis"))
        yield line


def _queue(waiting: list[Row], most: int) -> RenderableType:
    if not waiting:
        return Text("nothing waits", "dim")
    table = _table(">#", "MODEL", "CLIENT", "PRIORITY", ">SINCE", ">ETA")
    for row in waiting[:most]:
        eta = row["eta_ms"]
        table.add_row(
            str(row["position"]),
            row["model"],
            row["client"],
            row["priority"],
            show_duration(row["waited_ms"] / 1000),
            "?" if eta is None else show_duration(eta / 1000),
        )
    if len(waiting) > most:
        table.add_row("", f"and {len(waiting) - most} more")
    return table


def _foot(picture: Picture) -> Iterable[Text]:
    status, waits = picture.status, picture.waits()
    parts = [
        f"{status['requestsServedTotal']} served",
        f"{status['requestsPerMinute']}/min",
        f"{status['recentGenTokS'] or '-'} tok/s",
    ]
    if waits is not None:
        median, most = (show_duration(seconds) for seconds in waits)
        parts.append(f"waits: half under {median}, 95% under {most}")
    yield _line(", ".join(parts))
    yield _line(in_short(status["swapCostToday"]))
    for name, model in status["models"].items():
        if model["lastError"]:
            yield _line(f"{name}: {model['lastError']}", "red")
    if error := status["lastError"]:
        at = datetime.fromisoformat(error["ts"]).astimezone().strftime("%H:%M:%S")
        yield _line(f"last error {at} {error['model'] or ''}: {error['message']}", "red")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=True)
    for column in columns:
        name = column.lstrip(">")
        wide = name in ("MODEL", "CLIENT")
        table.add_column(
            name,
            justify="right" if column.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if wide else None,
            min_width=WIDTHS.get(name, len(name)),
        )
    return table


def _line(text: str, style: str = "") -> Text:
    return Text(" ".join(text.split()), style, no_wrap=True, overflow="ellipsis")


def _age(since: str, now: float) -> str:
    return show_duration(max(0.0, now - datetime.fromisoformat(since).timestamp()))
