"""`jano import`"""

from __future__ import annotations

from pathlib import Path

import click

_WORDS = {
    "changed": "changed in meaning",
    "dropped": "dropped",
    "secret": "kept as a secret reference",
    "ports": "moved to another address",
}


@click.command(
    epilog="""\b
Examples:
  jano import llama-swap config.yaml --output ~/.config/jano/jano.toml
  jano import original models.json > jano.toml"""
)
@click.argument("program", type=click.Choice(["llama-swap", "juggler", "original"]))
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write here, not to stdout.")
@click.option("--force", is_flag=True, help="Replace --output if it exists.")
def command(program: str, path: Path, output: Path | None, force: bool) -> None:
    """Convert the configuration of PROGRAM at PATH to a jano.toml.

    Says on standard error what changed in meaning, what was dropped and what stayed a secret
    reference.
    """
    from ..config.find import read_text
    from ..config.importers import convert

    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} exists; --force replaces it")
    imported = convert(program, read_text(path), path)
    for note in imported.notes:
        click.echo(f"{_WORDS[note.kind]}: {note.text}", err=True)
    if output is None:
        click.echo(imported.config_toml, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(imported.config_toml, encoding="utf-8")
    click.echo(f"written: {output}", err=True)
