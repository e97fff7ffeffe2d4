"""Asks one plugin what it provides and checks the answer, so that errors name the hook."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import pluggy
from msgspec import Struct

from ..errors import PluginError
from ..scheduler.residency import ResidencyRule
from ..scheduler.strategy import Strategy
from .command import Command
from .contracts import Authenticator, Backend, Dialect, Launcher, UsageNormalizer


class Kind(Struct, frozen=True):
    """One kind of thing that plugins provide: its word for people and its base class."""

    word: str
    base: type[Any]

    @property
    def noun(self) -> str:
        """`a strategy`, `an authenticator`."""
        return f"{'an' if self.word[0] in 'aeiou' else 'a'} {self.word}"


KINDS = {
    "backends": Kind("backend", Backend),
    "launchers": Kind("launcher", Launcher),
    "strategies": Kind("strategy", Strategy),
    "residency_rules": Kind("residency rule", ResidencyRule),
    "usage_normalizers": Kind("usage normalizer", UsageNormalizer),
    "authenticators": Kind("authenticator", Authenticator),
    "dialects": Kind("dialect", Dialect),
    "commands": Kind("command", Command),
}
"""Kind → what it is; the hook of a kind is `jano_<kind>`."""


def collect(manager: pluggy.PluginManager, plugin: object) -> dict[str, list[type[Any]]]:
    """The checked classes by kind of a plugin that is registered with `manager`.

    Raises `PluginError` for an unknown hook, a wrong answer, or a plugin that provides nothing.
    """
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec():
            raise PluginError(f"unknown hook {caller.name}{_hint(caller.name)}")
    others = [other for other in manager.get_plugins() if other is not plugin]
    found: dict[str, list[type[Any]]] = {}
    for caller in callers:
        kind = caller.name.removeprefix("jano_")
        answers = manager.subset_hook_caller(caller.name, others)()
        found[kind] = [each for answer in answers for each in _classes(kind, answer)]
    if not any(found.values()):
        raise PluginError("it provides nothing: no function is marked with @hookimpl")
    return found


def _classes(kind: str, answer: object) -> Iterable[type[Any]]:
    if not isinstance(answer, Iterable):
        raise PluginError(f"jano_{kind} must return a list of classes, not {answer!r}")
    spec = KINDS[kind]
    for found in answer:
        if not (isinstance(found, type) and issubclass(found, spec.base)):
            raise PluginError(
                f"jano_{kind} returned {found!r}, which is no subclass of {spec.base.__name__}"
            )
        each: Any = found
        if not isinstance(getattr(each, "name", None), str) or not each.name:
            raise PluginError(f"{each.__name__} has no name to be called by in a configuration")
        if missing := sorted(getattr(each, "__abstractmethods__", ())):
            raise PluginError(f"{each.__name__} is not {spec.noun}: it lacks {', '.join(missing)}")
        settings: Any = each.Settings
        is_struct = isinstance(settings, type) and issubclass(settings, Struct)
        if settings is not None and not is_struct:
            raise PluginError(f"{each.__name__}.Settings must be a msgspec Struct")
        yield each


def _hint(name: str) -> str:
    near = get_close_matches(name, [f"jano_{kind}" for kind in KINDS], n=1)
    return f"; did you mean {near[0]}?" if near else ""
