"""`jano init`"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

STDOUT = "-"


@click.command(
    epilog="""\b
Examples:
  jano init                     writes jano.toml here
  jano init --output -          only shows it
  jano init --output ~/.config/jano/jano.toml    where `jano serve` looks for it"""
)
@click.option(
    "--output", default="jano.toml", show_default=True, help="Write here; - is standard output."
)
@click.option("--force", is_flag=True, help="Replace --output if it exists.")
def command(output: str, force: bool) -> None:
    """Look at this box and write a configuration for what is on it.

    Looks for servers on PATH and on their usual ports, and for models in the folders of people,
    llama.cpp, Ollama, LM Studio and Hugging Face. Changes nothing but the file it writes.
    """
    from ..config.discovery.hardware import memory
    from ..config.discovery.look import look
    from ..config.discovery.render import render
    from ..plugin.registry import Registry

    path = Path(output)
    if output != STDOUT and path.exists() and not force:
        raise click.UsageError(f"{output} exists; --force replaces it")
    backends = frozenset(Registry.discover().backends)
    finds = list(look(os.environ, Path.home(), Path.cwd(), backends))
    text = render(finds, memory(sys.platform))
    if output == STDOUT:
        click.echo(text, nl=False)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    ready = sum(not find.lacks for find in finds)
    click.echo(f"written: {output}, with {ready} of {len(finds)} models ready to serve", err=True)
    file = shlex.quote(output)
    click.echo(f"next: jano check --config {file} && jano serve --config {file}", err=True)
