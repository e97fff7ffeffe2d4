"""`jano service`"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .router import json_option

if TYPE_CHECKING:
    from ..service import ServiceManager

manager_option = click.option(
    "--manager",
    type=click.Choice(["systemd", "launchd"]),
    help="Default: launchd on a Mac, systemd elsewhere.",
)


@click.group(
    epilog="""\b
Examples:
  jano service print                      what would be written
  jano service install                    for this user, with the paths of this installation
  jano service print --manager launchd    the plist for a Mac"""
)
def command() -> None:
    """Run Jano as a service of this user."""


@command.command("print")
@manager_option
@json_option
def show(manager: ServiceManager | None, as_json: bool) -> None:
    """Print the unit files, or the plist, and where they belong."""
    wanted = _wanted(manager)
    if as_json:
        click.echo(json.dumps({str(path): text for path, text in wanted.items()}))
        return
    for path, text in wanted.items():
        # A plist is a document of its own, in which the path would be no comment.
        click.echo(text if path.suffix == ".plist" else f"# {path}\n{text}")


@command.command(short_help="Write the files.")
@manager_option
@click.option("--yes", is_flag=True, help="Overwrite without a question.")
def install(manager: ServiceManager | None, yes: bool) -> None:
    """Write the files; what is there already is overwritten after a look at the difference."""
    from .. import service

    manager = manager or service.native()
    for path, text in _wanted(manager).items():
        found = path.read_text() if path.exists() else None
        if found == text:
            click.echo(f"{path}: unchanged")
            continue
        if found is not None:
            _show_difference(path, found, text)
            if not yes:
                click.confirm(f"overwrite {path}?", abort=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        click.echo(f"{path}: written")
    if manager == "systemd":
        _order("systemctl", "--user", "daemon-reload")
        click.echo("start it now and at every login: systemctl --user enable --now jano.socket")
        click.echo("start it at boot as well: loginctl enable-linger")
    else:
        plist = service.folder("launchd") / f"{service.LABEL}.plist"
        click.echo(f"start it now and at every login: launchctl bootstrap gui/$(id -u) {plist}")


@command.command(short_help="Stop the service and remove its files.")
@manager_option
def uninstall(manager: ServiceManager | None) -> None:
    """Stop the service and remove its files; configuration and state stay."""
    from .. import service

    manager = manager or service.native()
    there = [path for path in _wanted(manager) if path.exists()]
    if not there:
        click.echo("nothing is installed")
        return
    if manager == "systemd":
        _order("systemctl", "--user", "disable", "--now", *(path.name for path in there))
    else:
        _order("launchctl", "bootout", f"gui/{os.getuid()}/{service.LABEL}")
    for path in there:
        path.unlink()
        click.echo(f"{path}: removed")
    if manager == "systemd":
        _order("systemctl", "--user", "daemon-reload")


def _wanted(manager: ServiceManager | None) -> dict[Path, str]:
    from .. import service

    manager = manager or service.native()
    # Next to the Python that runs this: the one on PATH may be another installation's.
    jano = Path(sys.executable).with_name("jano")
    folder = service.folder(manager)
    return {folder / name: text for name, text in service.files(manager, jano).items()}


def _show_difference(path: Path, found: str, text: str) -> None:
    lines = difflib.unified_diff(
        found.splitlines(), text.splitlines(), f"{path} (now)", f"{path} (new)", lineterm=""
    )
    click.echo("\n".join(lines))


def _order(*words: str) -> None:
    """Tell the manager, if it can be told: in a container or over ssh it may not run."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return
    if done.returncode != 0:
        click.echo(f"{' '.join(words)}: {done.stderr.strip()}", err=True)
