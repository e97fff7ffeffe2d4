"""The group of all commands: each is imported when it is used, so that `--help` is immediate."""

from __future__ import annotations

import importlib
from typing import Any

import click

from ..errors import ConfigError, JanoError, first
from ..version import __version__

COMMANDS = {
    "serve": "Run the router.",
    "check": "Validate the configuration.",
    "init": "Look at this box and write a jano.toml for it.",
    "demo": "Show a burst of six requests that costs one swap.",
    "status": "Show models and queue on one screen.",
    "load": "Load a model now.",
    "unload": "Unload one model or all.",
    "logs": "Show the router's or a model's log.",
    "why": "Tell why a request waits, or waited.",
    "simulate": "Replay traffic under any strategy and memory size.",
    "service": "Run Jano as a service of this user (systemd, launchd).",
    "plugins": "List installed plugins and what they provide.",
    "schema": "Print the JSON Schema of the configuration.",
    "import": "Convert the configuration of another router.",
}
"""Name → one line of help. The module is named like the command; `import_` for `import`."""

OF_PLUGINS = {"top": ("Watch models and queue live.", "jano-top")}
"""Commands that first-party plugins add: their line of help, and which plugin. Others' are found
when they are called; to list them here would mean importing them all.
"""

DONE, FAILED, WRONG, TEMPORARY = 0, 1, 2, 75
"""The exit codes of every command."""


class Unreachable(JanoError):
    """No router answers where one was looked for."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *OF_PLUGINS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return _of_a_plugin(cmd_name)
        module = "import_" if cmd_name == "import" else cmd_name
        found: click.Command = importlib.import_module(f".{module}", __package__).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            plugins = [(name, f"{text} (plugin {of})") for name, (text, of) in OF_PLUGINS.items()]
            formatter.write_dl([*COMMANDS.items(), *plugins])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            ctx.exit(WRONG)
        except JanoError as error:
            click.echo(f"jano: {error}", err=True)
            ctx.exit(TEMPORARY if isinstance(error, Unreachable) else FAILED)
        except (OSError, BaseExceptionGroup) as error:
            cause = first(error)
            if not isinstance(cause, OSError) or cause.filename is None:
                raise
            click.echo(f"jano: {cause.filename}: {cause.strerror}", err=True)
            ctx.exit(FAILED)


def _of_a_plugin(name: str) -> click.Command | None:
    from ..plugin.registry import Registry

    if (found := Registry.discover().commands.get(name)) is not None:
        made: click.Command = found.make()
        return made
    if name in OF_PLUGINS:
        _, plugin = OF_PLUGINS[name]
        raise JanoError(f"`jano {name}` comes with a plugin: pip install ./plugins/{plugin}")
    return None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jano")
def cli() -> None:
    """A router and queue for language models on your own hardware.

    \b
    Start here:
      jano demo                      see what it does, without any model
      jano check --config jano.toml  is this configuration right?
      jano serve --config jano.toml  run it; clients talk to http://127.0.0.1:8082/v1

    \b
    Shell completion:
      eval "$(_JANO_COMPLETE=bash_source jano)"    likewise zsh_source; fish_source | source

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 75 no router reachable.
    """
