"""`jano schema`"""

from __future__ import annotations

import json

import click

from .router import json_option


@click.command(
    epilog="""\b
Example, for editors that understand TOML schemas (first line of jano.toml):
  jano schema > ~/.config/jano/schema.json
  #:schema ./schema.json"""
)
@json_option
def command(as_json: bool) -> None:
    """Print the JSON Schema of the configuration, installed plugins included.

    It is JSON in any case; with --json on one line.
    """
    from ..config.json_schema import json_schema
    from ..plugin.registry import Registry

    click.echo(
        json.dumps(
            json_schema(Registry.discover()), indent=None if as_json else 2, ensure_ascii=False
        )
    )
