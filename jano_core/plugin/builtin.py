"""What Jano brings along, registered through the same hooks as any plugin.

This module and `app.py` are the only ones that know every built-in kind, so it stands outside the
import law of its package.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..dialects.anthropic import Anthropic
from ..dialects.openai import OpenAI
from ..launchers.attach import AttachLauncher
from ..launchers.process import ProcessLauncher
from ..launchers.script import ScriptLauncher
from ..scheduler.residency import Budget, ResidencyRule
from ..scheduler.rules.groups import Groups
from ..scheduler.rules.matrix import Matrix
from ..scheduler.strategy import Strategy
from ..strategies.fifo import Fifo
from ..strategies.greedy import Greedy
from ..strategies.headstart import HeadStart
from ..telemetry.usage import BUILTIN as USAGE_NORMALIZERS
from .contracts import Authenticator, Backend, Dialect, Launcher, UsageNormalizer
from .hookspecs import hookimpl
from .keys_authenticator import KeysAuthenticator
from .none_authenticator import NoneAuthenticator
from .openai_backend import OpenAIBackend


@hookimpl
def jano_backends() -> Iterable[type[Backend]]:
    """See `JanoSpec`."""
    return [OpenAIBackend]


@hookimpl
def jano_launchers() -> Iterable[type[Launcher]]:
    """See `JanoSpec`."""
    return [ProcessLauncher, ScriptLauncher, AttachLauncher]


@hookimpl
def jano_strategies() -> Iterable[type[Strategy]]:
    """See `JanoSpec`."""
    return [HeadStart, Greedy, Fifo]


@hookimpl
def jano_residency_rules() -> Iterable[type[ResidencyRule]]:
    """See `JanoSpec`."""
    return [Budget, Groups, Matrix]


@hookimpl
def jano_usage_normalizers() -> Iterable[type[UsageNormalizer]]:
    """See `JanoSpec`."""
    return USAGE_NORMALIZERS


@hookimpl
def jano_authenticators() -> Iterable[type[Authenticator]]:
    """See `JanoSpec`."""
    return [NoneAuthenticator, KeysAuthenticator]


@hookimpl
def jano_dialects() -> Iterable[type[Dialect]]:
    """See `JanoSpec`."""
    return [OpenAI, Anthropic]
