"""`jano unload`"""

from __future__ import annotations

import click

from .router import find, model_path, url_option


@click.command()
@click.argument("model", required=False)
@url_option
def command(model: str | None, url: str | None) -> None:
    """Unload MODEL, or all models, after what is running has finished."""
    path = "/api/models/unload"
    find(url).post(model_path(path, model) if model else path)
    click.echo(f"{model or 'everything'} is unloaded")
