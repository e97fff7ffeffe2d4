"""The hooks. All are synchronous, called once when Jano starts, and collect classes.

A plugin is a module named by an entry point of the group `jano`:

    from jano_core import Plan, Strategy, hookimpl

    class Patient(Strategy):
        name = "patient"
        def decide(self, view):
            return Plan(serve=view.fill())

    @hookimpl
    def jano_strategies():
        return [Patient]
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ..scheduler.residency import ResidencyRule
from ..scheduler.strategy import Strategy
from .command import Command
from .contracts import Authenticator, Backend, Dialect, Launcher, UsageNormalizer

PROJECT = "jano"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class JanoSpec:
    """Every hook of Jano."""

    @hookspec
    def jano_backends(self) -> Iterable[type[Backend]]:
        """Model servers that can be spoken to: `backend = "name"` in a model's table."""
        raise NotImplementedError

    @hookspec
    def jano_launchers(self) -> Iterable[type[Launcher]]:
        """Ways to bring a server to life: `launch = "name"` in a model's table."""
        raise NotImplementedError

    @hookspec
    def jano_strategies(self) -> Iterable[type[Strategy]]:
        """Scheduling strategies: `scheduler.strategy = "name"`."""
        raise NotImplementedError

    @hookspec
    def jano_residency_rules(self) -> Iterable[type[ResidencyRule]]:
        """Rules of which models may live together: `memory.rule = "name"`."""
        raise NotImplementedError

    @hookspec
    def jano_usage_normalizers(self) -> Iterable[type[UsageNormalizer]]:
        """Readers of token counts and rates; all of them see every answer, later ones win."""
        raise NotImplementedError

    @hookspec
    def jano_authenticators(self) -> Iterable[type[Authenticator]]:
        """Ways to tell who asks: `auth.authenticator = "name"`."""
        raise NotImplementedError

    @hookspec
    def jano_dialects(self) -> Iterable[type[Dialect]]:
        """Wire APIs: how errors and signs of life look below certain paths."""
        raise NotImplementedError

    @hookspec
    def jano_commands(self) -> Iterable[type[Command]]:
        """Commands: `jano NAME`."""
        raise NotImplementedError
