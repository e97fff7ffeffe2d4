"""`jano load`"""

from __future__ import annotations

import click

from .router import find, model_path, url_option


@click.command(
    epilog="""\b
Example:
  jano load chat && curl http://127.0.0.1:8082/v1/chat/completions -d …"""
)
@click.argument("model")
@url_option
def command(model: str, url: str | None) -> None:
    """Load MODEL now; returns when it is ready.

    What must be put away for it finishes its running requests first.
    """
    find(url).post(model_path("/api/models/load", model))
    click.echo(f"{model} is ready")
