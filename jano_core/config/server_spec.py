"""What launchers, backends and the scheduler get to know of a configured model."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from ..plugin.server import ServerSpec
from ..scheduler.types import Model
from .schema import Config


def server_spec(
    name: str,
    config: Config,
    resolve: Callable[[str], str],
    environment: Callable[[Mapping[str, str]], dict[str, str]] = dict,
) -> ServerSpec:
    """The spec of the model `name` of a completed configuration.

    A model that a script swaps has the script as its `cmd`. `resolve` puts in secrets,
    `environment` makes the whole environment out of the model's own part. Raises `ValueError` for
    a command with an open quotation.
    """
    table = config.models[name]
    command = config.swap.command if table.launch == "script" else table.cmd
    own_env = {key: resolve(value) for key, value in table.env.items()}
    return ServerSpec(
        model=name,
        cmd=_words(command, resolve),
        cmd_stop=_words(table.cmd_stop, resolve),
        cwd=resolve(table.cwd),
        env=environment(own_env),
        own_env=own_env,
        url=resolve(table.url),
        health=table.health,
        start_timeout=_first(table.start_timeout, config.swap.start_timeout),
        stop_timeout=_first(table.stop_timeout, config.swap.stop_timeout),
        upstream_model=resolve(table.upstream_model),
        parallel=table.parallel,
        memory=_plain(table.memory),
        options={"unit": table.unit, "label": table.label, "save_kv": table.save_kv},
    )


def needs(name: str, config: Config) -> Model:
    """What the scheduler must know of the model `name`."""
    table = config.models[name]
    return Model(
        name=name,
        parallel=table.parallel or 1,
        memory=_plain(table.memory),
        pinned=table.pinned,
        preload=table.preload,
        resident=table.resident,
        ttl=table.ttl,
        load_prior=table.load_time,
    )


def _words(command: str | list[str], resolve: Callable[[str], str]) -> tuple[str, ...]:
    # Split first: a secret with a space or a quote in it must stay one word.
    words = shlex.split(command) if isinstance(command, str) else command
    return tuple(resolve(word) for word in words)


def _plain(size: int | None) -> int | None:
    """A `Size` as the number it is: what is not configuration any more goes into JSON."""
    return None if size is None else int(size)


def _first(own: float | None, common: float) -> float:
    return common if own is None else own
