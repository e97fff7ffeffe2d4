"""`jano plugins`"""

from __future__ import annotations

import json
import logging

import click

from .router import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List installed plugins: name, version, source and what each provides.

    A broken plugin is listed with the reason; nothing of it is used.
    """
    import msgspec

    from ..plugin.registry import Registry

    # The list itself says what is broken.
    logging.getLogger("jano.plugins").setLevel(logging.CRITICAL)
    found = Registry.discover().plugins
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))
        return
    for plugin in found:
        click.echo(f"{plugin.name} {plugin.version}  ({plugin.source})")
        for kind, names in plugin.provides.items():
            if names:
                click.echo(f"  {kind.replace('_', ' ')}: {', '.join(names)}")
        if plugin.error:
            click.secho(f"  broken: {plugin.error}", fg="red")
