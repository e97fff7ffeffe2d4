"""Finds the plugins, asks them once for what they provide, and keeps the broken ones apart."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import pluggy
from msgspec import Struct, field

from ..errors import PluginError
from ..scheduler.residency import ResidencyRule
from ..scheduler.strategy import Strategy
from ..version import __version__
from .collect import KINDS, Kind, collect
from .command import Command
from .contracts import Authenticator, Backend, Contract, Dialect, Launcher, UsageNormalizer
from .entry_point import EntryPoint, installed
from .hookspecs import PROJECT, JanoSpec

log = logging.getLogger("jano.plugins")

GROUP = "jano"


class PluginInfo(Struct, kw_only=True):
    """One plugin as `jano plugins` shows it. `error` says why nothing of it is used.

    `name` and `version` are the distribution's; `source` is the entry point. `provides` maps a
    kind (`strategies`, `backends`, ...) to the names in it.
    """

    name: str
    version: str
    source: str
    provides: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Registry:
    """Every kind of every working plugin by name.

    One plugin is taken whole or not at all: a broken one is listed with its `error`, and is fatal
    only to a configuration that names something which is not there.
    """

    def __init__(self, *, trace: Callable[[str], object] | None = None) -> None:
        self.plugins: list[PluginInfo] = []
        self._classes: dict[str, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self._providers: dict[tuple[str, str], PluginInfo] = {}
        self._manager = _manager()
        if trace is not None:
            self._manager.trace.root.setwriter(lambda text: trace(text.rstrip()))
            self._manager.enable_tracing()

    @classmethod
    def discover(
        cls,
        *,
        points: Iterable[EntryPoint] | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> Registry:
        """Built-ins first, then every entry point of the group `jano` by distribution name.

        Called once at start. Broken plugins are logged as warnings. `JANO_TRACE_PLUGINS=1` logs
        each hook call. Raises `PluginError` only if a built-in is broken.
        """
        registry = cls(trace=log.info if env.get("JANO_TRACE_PLUGINS") == "1" else None)
        core = PluginInfo(name="jano-core", version=__version__, source="built in")
        registry.add(core, lambda: import_module("jano_core.plugin.builtin"))
        if core.error:
            raise PluginError(f"{core} is broken: {core.error}")
        found = installed(GROUP) if points is None else points
        for point in sorted(found, key=lambda point: (point.distribution, point.name)):
            info = PluginInfo(
                name=point.distribution,
                version=point.version,
                source=f"{point.name} = {point.value}",
            )
            registry.add(info, point.load)
            if info.error:
                log.warning("plugin %s is broken and not used: %s", info, info.error)
        return registry

    def add(self, info: PluginInfo, load: Callable[[], object]) -> None:
        """Load one plugin and take what it provides; whatever goes wrong ends in `info.error`."""
        self.plugins.append(info)
        try:
            found = self._ask(load(), str(info))
        except PluginError as error:
            info.error = str(error)
        except (Exception, SystemExit) as error:
            # A plugin is a stranger's code: no exception of it may stop the router.
            info.error = f"{type(error).__name__}: {error}"
        else:
            for kind, classes in found.items():
                info.provides[kind] = [each.name for each in classes]
                for each in classes:
                    self._classes[kind][each.name] = each
                    self._providers[kind, each.name] = info

    def kind(self, kind: str, name: str) -> type[Any]:
        """The class called `name` in `kind` (`strategies`, ...).

        Raises `PluginError` that lists what is installed and names every broken plugin, since one
        of those may be what the configuration meant.
        """
        if (found := self._classes[kind].get(name)) is not None:
            return found
        installed = ", ".join(sorted(self._classes[kind])) or "none"
        broken = [f"; plugin {info} is broken: {info.error}" for info in self.plugins if info.error]
        word = KINDS[kind].word
        raise PluginError(f'unknown {word} "{name}"; installed: {installed}{"".join(broken)}')

    @property
    def backends(self) -> dict[str, type[Backend]]:
        """Backends by name."""
        return self._classes["backends"]

    @property
    def launchers(self) -> dict[str, type[Launcher]]:
        """Launchers by name."""
        return self._classes["launchers"]

    @property
    def strategies(self) -> dict[str, type[Strategy]]:
        """Strategies by name."""
        return self._classes["strategies"]

    @property
    def residency_rules(self) -> dict[str, type[ResidencyRule]]:
        """Residency rules by name."""
        return self._classes["residency_rules"]

    @property
    def authenticators(self) -> dict[str, type[Authenticator]]:
        """Authenticators by name."""
        return self._classes["authenticators"]

    @property
    def usage_normalizers(self) -> list[type[UsageNormalizer]]:
        """Usage normalizers in the order of registration: later ones win."""
        return list(self._classes["usage_normalizers"].values())

    @property
    def dialects(self) -> list[type[Dialect]]:
        """Dialects in the order of registration."""
        return list(self._classes["dialects"].values())

    @property
    def unnamed(self) -> list[type[Contract]]:
        """What is in use because it is installed, named by no key: its settings are in
        `[plugins.NAME]`.
        """
        return [*self.dialects, *self.usage_normalizers]

    @property
    def commands(self) -> dict[str, type[Command]]:
        """Commands of plugins by name."""
        return self._classes["commands"]

    def _ask(self, plugin: object, name: str) -> dict[str, list[type[Any]]]:
        """What `plugin` provides; raises `PluginError` and leaves no trace of it otherwise."""
        self._manager.register(plugin, name)
        try:
            found = collect(self._manager, plugin)
            for kind, classes in found.items():
                self._refuse_doubles(KINDS[kind], kind, classes)
        except BaseException:
            self._manager.unregister(plugin)
            raise
        return found

    def _refuse_doubles(self, spec: Kind, kind: str, classes: list[type[Any]]) -> None:
        seen: set[str] = set()
        for each in classes:
            if (other := self._providers.get((kind, each.name))) is not None:
                raise PluginError(f'{spec.word} "{each.name}" is already provided by {other}')
            if each.name in seen:
                raise PluginError(f'{spec.word} "{each.name}" is provided twice')
            seen.add(each.name)


class _Manager(pluggy.PluginManager):
    """Passes over what can be no hook, which pluggy would have `inspect` find out each time."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if isinstance(plugin, ModuleType):
            found = vars(plugin).get(name)
            if isinstance(found, type) or not callable(found):
                return None
        return super().parse_hookimpl_opts(plugin, name)


def _manager() -> pluggy.PluginManager:
    manager = _Manager(PROJECT)
    manager.add_hookspecs(JanoSpec)
    return manager
