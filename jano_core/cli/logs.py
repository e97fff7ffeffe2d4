"""`jano logs`"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator

import click

from .router import find, json_option, model_path, url_option


@click.command(
    epilog="""\b
Examples:
  jano logs            what the router wrote
  jano logs chat -f    what the server of `chat` writes, as it comes"""
)
@click.argument("model", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@json_option
@url_option
def command(model: str | None, follow: bool, as_json: bool, url: str | None) -> None:
    """Show the router's log, or that of MODEL's server.

    With --json each line is an object: {"line": …}.
    """
    router, source = find(url), model or "proxy"
    if follow:
        parts = router.stream(model_path("/logs/stream", source))
    else:
        parts = iter([router.text(model_path("/logs", source))])
    with contextlib.suppress(KeyboardInterrupt):  # the usual end of --follow
        for text in _objects(parts) if as_json else parts:
            sys.stdout.write(text)
            sys.stdout.flush()


def _objects(parts: Iterator[str]) -> Iterator[str]:
    """Each line as JSON, as soon as it is whole."""
    rest = ""
    for part in parts:
        *lines, rest = (rest + part).split("\n")
        yield "".join(json.dumps({"line": line}) + "\n" for line in lines)
    if rest:
        yield json.dumps({"line": rest}) + "\n"
