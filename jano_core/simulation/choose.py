"""Strategies as people name them on a command line: `headstart`, `headstart:alpha=6,hold=1`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from ..errors import JanoError
from ..scheduler.strategy import Strategy


class Chosen(Struct, frozen=True):
    """A strategy with its settings; each simulation needs a fresh one."""

    label: str
    kind: type[Strategy]
    settings: Struct | None

    def make(self) -> Strategy:
        """A new strategy object."""
        return self.kind(self.settings)


def choose(text: str, known: Mapping[str, type[Strategy]]) -> Chosen:
    """Read `NAME` or `NAME:key=value,…`, values as in TOML. Raises `JanoError`."""
    name, _, given = text.partition(":")
    if name not in known:
        raise JanoError(f"unknown strategy {name!r}; installed: {', '.join(sorted(known))}")
    kind = known[name]
    if not given:
        return Chosen(text, kind, kind.Settings() if kind.Settings else None)
    if kind.Settings is None:
        raise JanoError(f"strategy {name!r} has no settings")
    try:
        settings = tomllib.loads(f"settings = {{{given}}}")["settings"]
        return Chosen(text, kind, msgspec.convert(settings, kind.Settings))
    except tomllib.TOMLDecodeError:
        words = f"{given!r} is not key=value,key=value with values as in TOML"
        raise JanoError(f"settings of strategy {name!r}: {words}") from None
    except msgspec.ValidationError as error:
        raise JanoError(f"settings of strategy {text!r}: {error}") from None
