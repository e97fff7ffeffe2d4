"""`jano schema`"""

from __future__ import annotations

import json

import click


@click.command(
    epilog="""\b
Example, for editors that understand TOML schemas (first line of jano.toml):
  jano schema > ~/.config/jano/schema.json
  #:schema ./schema.json"""
)
def command() -> None:
    """Print the JSON Schema of the configuration, installed plugins included."""
    from ..config.json_schema import json_schema
    from ..plugin.registry import Registry

    click.echo(json.dumps(json_schema(Registry.discover()), indent=2, ensure_ascii=False))
