"""`jano check`"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from .group import WRONG
from .router import json_option

if TYPE_CHECKING:
    from ..config.load import Loaded


@click.command(
    epilog="""\b
Examples:
  jano check                       the configuration that `jano serve` would use
  jano check --config jano.toml    this one, its jano.d/*.toml included
  jano check --json | jq .errors   for programs"""
)
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@json_option
@click.pass_context
def command(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Validate the configuration against core and installed plugins.

    Each error is a line with file, line, table and key; the exit code is 2 then.
    """
    from ..config.load import load
    from ..plugin.registry import Registry

    try:
        loaded = load(config, Registry.discover())
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"ok": False, "errors": [_error(each) for each in error.problems]}))
        ctx.exit(WRONG)
    warnings = [
        *loaded.warnings,
        *dict.fromkeys(_missing_programs(loaded)),
        *_missing_exporter(loaded),
    ]
    if as_json:
        click.echo(json.dumps(_summary(loaded, warnings)))
        return
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo("ok: " + (", ".join(map(str, loaded.files)) or "from the environment"))
    for name, table in loaded.config.models.items():
        also = [*table.aliases, *table.variants]
        known = f"  (also {', '.join(also)})" if also else ""
        click.echo(f"  {name}: {table.backend}, {table.launch}{known}")


def _error(problem: Any) -> dict[str, Any]:
    names = ("message", "file", "line", "table", "key")
    return {name: getattr(problem, name) for name in names}


def _missing_programs(loaded: Loaded) -> Iterator[str]:
    """What this box lacks; the configuration may well be right on another."""
    from ..config.server_spec import server_spec

    for name, table in loaded.config.models.items():
        if table.launch not in ("process", "script"):
            continue
        spec = server_spec(name, loaded.config, lambda text: text)
        program, place = spec.cmd[0], spec.own_env.get("PATH") or loaded.env.get("PATH")
        if "${" in program or (spec.cwd and "/" in program):
            continue
        if shutil.which(program, path=place) is None:
            key = "[swap] command" if table.launch == "script" else f"[models.{name}] cmd"
            yield f'{key}: there is no program "{program}" here'


def _missing_exporter(loaded: Loaded) -> list[str]:
    """Without it `jano serve` would not start."""
    if not loaded.config.telemetry.otlp:
        return []
    from ..telemetry.export import missing

    return missing()


def _summary(loaded: Loaded, warnings: list[str]) -> dict[str, Any]:
    return {
        "ok": True,
        "files": [str(file) for file in loaded.files],
        "warnings": warnings,
        "models": {
            name: {
                "backend": table.backend,
                "launch": table.launch,
                "aliases": table.aliases,
                "variants": list(table.variants),
            }
            for name, table in loaded.config.models.items()
        },
    }
