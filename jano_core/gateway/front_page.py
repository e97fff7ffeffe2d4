"""`/ui` without a dashboard plugin: one plain page that says how things are and where to look."""

from __future__ import annotations

from ..units import show_size
from .errand import Errand

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Jano</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ccc }}
</style>
<h1>Jano {version}</h1>
<p>{waiting} waiting, {running} running, strategy {strategy}.</p>
<table>
<tr><th>model<th>state<th>running<th>waiting<th>memory<th>last error
{rows}
</table>
<p>More: <a href="/status">status</a>, <a href="/api/queue">queue</a>,
<a href="/usage">usage</a>, <a href="/metrics">metrics</a>, <a href="/v1/models">models</a>,
<a href="/logs/stream">logs</a>. This page shows the moment it was loaded.</p>
</html>
"""


async def front_page(errand: Errand) -> None:
    """`GET /ui`."""
    from html import escape  # brings a table of 2,000 names

    snapshot = errand.house.dispatcher.snapshot()
    rows = [
        (
            name,
            each.state,
            str(each.in_flight),
            str(each.queued),
            "" if each.memory is None else show_size(each.memory),
            each.last_error,
        )
        for name, each in snapshot.models.items()
    ]
    page = _PAGE.format(
        version=escape(errand.house.version),
        strategy=escape(snapshot.strategy),
        waiting=len(snapshot.waiting),
        running=len(snapshot.running),
        rows="\n".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows),
    )
    await errand.send_text(page, "text/html; charset=utf-8")


async def to_front_page(errand: Errand) -> None:
    """`GET /`."""
    await errand.redirect("/ui")
