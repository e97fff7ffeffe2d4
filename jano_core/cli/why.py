"""`jano why`"""

from __future__ import annotations

import json
from typing import Any

import click

from .router import find, json_option, model_path, url_option

SHOWN_AHEAD = 5


@click.command(
    epilog="""\b
Example:
  jano why 42    the id is in `jano status` and in the answer's x-jano-request-id"""
)
@click.argument("request_id")
@json_option
@url_option
def command(request_id: str, as_json: bool, url: str | None) -> None:
    """Tell why a request waits, or waited: what was decided, by which rule, and for whom."""
    story = find(url).get(model_path("/api/requests", request_id))
    click.echo(json.dumps(story, indent=2) if as_json else "\n".join(_lines(story)))


def _lines(story: dict[str, Any]) -> list[str]:
    waited = story["queue_ms"]
    head = f"{story['id']} for {story['model']}: {story['outcome']}"
    if waited is not None:
        head += f", waited {waited / 1000:.1f} s, {story['swap_ms'] / 1000:.1f} s of it for a swap"
    return [head, *(_line(decision) for decision in story["decisions"])]


def _line(decision: dict[str, Any]) -> str:
    line = f"  {decision['at_ms'] / 1000:8.1f} s  {decision['rule']}: {decision['text']}"
    if ahead := decision["ahead"]:
        more = f" and {len(ahead) - SHOWN_AHEAD} more" if len(ahead) > SHOWN_AHEAD else ""
        line += f"; ahead: {', '.join(ahead[:SHOWN_AHEAD])}{more}"
    if decision["evicted"]:
        line += f"; evicted: {', '.join(decision['evicted'])}"
    return line
