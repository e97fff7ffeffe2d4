"""`jano logs`"""

from __future__ import annotations

import sys

import click

from .router import find, model_path, url_option


@click.command(
    epilog="""\b
Examples:
  jano logs            what the router wrote
  jano logs chat -f    what the server of `chat` writes, as it comes"""
)
@click.argument("model", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@url_option
def command(model: str | None, follow: bool, url: str | None) -> None:
    """Show the router's log, or that of MODEL's server."""
    router = find(url)
    source = model or "proxy"
    if not follow:
        click.echo(router.text(model_path("/logs", source)), nl=False)
        return
    for text in router.lines(model_path("/logs/stream", source)):
        sys.stdout.write(text)
        sys.stdout.flush()
